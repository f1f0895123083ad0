//! What a row holds.

use super::sync::{Fault, planted};
use crate::store::RowValue;

/// A row's value. A position is a row like any other, but moves with each message: it is encoded at the commit only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Bytes(RowValue),
    Place(Place),
}

/// How far a handler is in a partition: everything before `offset` is done, and `yields` of the message at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) offset: i64,
    pub(crate) yields: u32,
    /// Of the record that it was moved by, in this process: who moves it by an older one is superseded.
    pub(crate) epoch: u32,
}

impl Value {
    pub(crate) fn encode(&self) -> RowValue {
        match self {
            Value::Bytes(bytes) => bytes.clone(),
            Value::Place(Place { offset, yields, .. }) => {
                let yields = if planted(Fault::Yields) { 0 } else { *yields };
                let mut out = [0; 12];
                out[..8].copy_from_slice(&offset.to_be_bytes());
                out[8..].copy_from_slice(&yields.to_be_bytes());
                (&out).into()
            }
        }
    }

    pub(crate) fn into_bytes(self) -> RowValue {
        match self {
            Value::Bytes(bytes) => bytes,
            Value::Place(_) => self.encode(),
        }
    }

    /// The position that it is; `None` for what is none.
    pub(crate) fn place(&self) -> Option<Place> {
        match self {
            Value::Place(place) => Some(*place),
            Value::Bytes(bytes) => {
                let (offset, rest) = bytes.split_first_chunk()?;
                let (yields, _) = rest.split_first_chunk()?;
                let (offset, yields) = (i64::from_be_bytes(*offset), u32::from_be_bytes(*yields));
                Some(Place { offset, yields, epoch: 0 })
            }
        }
    }

    /// Its size in memory beside its slot, in bytes.
    pub(super) fn size(&self) -> usize {
        match self {
            Value::Bytes(bytes) => bytes.heap(),
            Value::Place(_) => 0,
        }
    }
}
