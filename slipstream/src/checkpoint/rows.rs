//! What a checkpoint keeps in the state: how far its dependent is, and of each dependency how far it is and whether it is
//! down.

use super::{Dependency, Error, ErrorKind, Result};
use crate::codec::{Codec as _, MessagePack};
use crate::steps::{State, Txn};
use crate::store;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The names of rows that are a checkpoint's.
const CHECKPOINTS: &str = "slipstream/checkpoints";

/// What is kept of a dependency. Times are in microseconds since 1970, UTC.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Row {
    /// The latest heartbeat.
    pub(super) beat: Option<i64>,
    /// Whether its source has come to its end in this run of the app.
    #[serde(default)]
    pub(super) has_ended: bool,
    pub(super) down: Option<Down>,
    /// How often it has gone down, and recovered.
    #[serde(default)]
    pub(super) turns: u64,
}

/// A dependency that is down.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Down {
    /// The source of the dependent.
    pub(super) source: String,
    /// How far behind it was when that was found, in microseconds.
    pub(super) behind: u64,
    /// The first message of each partition that was handled meanwhile.
    pub(super) offsets: BTreeMap<u32, i64>,
    /// What the first pulse that brought something handed over.
    pub(super) state: Option<Vec<u8>>,
}

impl Down {
    pub(super) fn new(source: String, behind: Option<Duration>) -> Self {
        let micros = behind.unwrap_or_default().as_micros();
        Down { source, behind: u64::try_from(micros).unwrap_or(u64::MAX), ..Down::default() }
    }

    /// A message was handled while it was down.
    pub(super) fn note(&mut self, partition: u32, offset: i64) {
        let first = self.offsets.entry(partition).or_insert(offset);
        *first = (*first).min(offset);
    }

    /// Another has recovered before this one: what was handled without that one is corrected later, too.
    pub(super) fn join(&mut self, recovered: &Down) {
        recovered.offsets.iter().for_each(|(partition, offset)| self.note(*partition, *offset));
        self.state = recovered.state.clone().or(self.state.take());
    }
}

/// The rows of a checkpoint, as a step sees them.
pub(super) struct Rows<'a> {
    checkpoint: &'static str,
    state: &'a State,
    txn: &'a mut Txn,
}

impl<'a> Rows<'a> {
    pub(super) fn new(checkpoint: &'static str, state: &'a State, txn: &'a mut Txn) -> Self {
        Rows { checkpoint, state, txn }
    }

    /// Notes how far the dependent is; the latest that it has been, in microseconds.
    pub(super) fn pulse(&mut self, at: DateTime<Utc>) -> Result<i64> {
        let at = at.timestamp_micros();
        let last = self.last_pulse()?;
        if last >= Some(at) {
            return Ok(last.unwrap_or(at));
        }
        self.state.write(self.txn, &row(self.checkpoint, ""), Some(at.to_be_bytes()[..].into()));
        Ok(at)
    }

    pub(super) fn last_pulse(&mut self) -> Result<Option<i64>> {
        let stored = self.state.read(self.txn, &row(self.checkpoint, ""))?;
        stored
            .map(|stored| stored[..].try_into().map(i64::from_be_bytes).map_err(|_| damaged(self.checkpoint)))
            .transpose()
    }

    /// How often the dependencies have gone down and recovered: a later step's pause or resume has more.
    pub(super) fn turns(&mut self, dependencies: &[Dependency]) -> Result<u64> {
        dependencies.iter().try_fold(0, |all, dependency| Ok(all + self.read(dependency.name())?.turns))
    }

    pub(super) fn read(&mut self, dependency: &str) -> Result<Row> {
        let stored = self.state.read(self.txn, &row(self.checkpoint, dependency))?;
        stored.map_or_else(|| Ok(Row::default()), |stored| decode(self.checkpoint, &stored))
    }

    /// Writes a row, unless it is what is there already.
    pub(super) fn write(&mut self, dependency: &str, new: &Row) -> Result<()> {
        if self.read(dependency)? != *new {
            let encoded = MessagePack::encode(new).map_err(|error| {
                let text = format!("the checkpoint `{}` cannot be written", self.checkpoint);
                Error::caused(ErrorKind::Codec, text, error)
            })?;
            self.state.write(self.txn, &row(self.checkpoint, dependency), Some(encoded[..].into()));
        }
        Ok(())
    }
}

/// The row of a dependency; with no name, that of the pulse.
fn row(checkpoint: &str, dependency: &str) -> Vec<u8> {
    let mut row = store::prefix(CHECKPOINTS);
    row.extend(checkpoint.as_bytes());
    row.push(0);
    row.extend(dependency.as_bytes());
    row
}

fn decode(checkpoint: &str, stored: &[u8]) -> Result<Row> {
    MessagePack::decode(stored).map_err(|_| damaged(checkpoint))
}

fn damaged(checkpoint: &str) -> Error {
    Error::new(ErrorKind::Codec, format!("what the state has of the checkpoint `{checkpoint}` is none"))
}
