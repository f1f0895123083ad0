//! The oracle: what must be in the output and in the caches, from the numbers of the messages alone.

use super::{KEYS, Place, key};
use crate::say;
use rdkafka::message::Message as _;
use slipstream::prelude::*;
use slipstream_tests::raw;
use std::collections::BTreeMap;
use std::time::Instant;

/// Reads the output until every message has its update and nothing more comes, or until nothing has come for so long.
/// Prints how many records there are; how many messages are `lost`, which have no update; how many records are `duplicates`,
/// whose message had one before; how many are `miscounted`, since their message is another one among those of its key, or
/// there is no such message; and how many rows of the caches are `wrong`.
pub(super) fn run(place: &Place, seed: u64, count: u64, patience: Duration, states: &[&str]) -> Result<()> {
    let mut judge = Judge::new(seed, count);
    judge.read(place, patience)?;
    let Judge { records, duplicates, miscounted, .. } = judge;
    let lost = judge.seen.iter().filter(|seen| !**seen).count();
    let mut wrong = 0;
    for state in states {
        wrong += judge.wrong_rows(&std::fs::read_to_string(state)?);
    }
    say(&format!(
        "records {records} lost {lost} duplicates {duplicates} miscounted {miscounted} wrong {wrong}"
    ));
    Ok(())
}

struct Judge {
    seed: u64,
    /// By message, which of its key it is, from 1 on.
    nth: Vec<u64>,
    /// Of each key its last message.
    last: BTreeMap<u64, u64>,
    /// Which messages have an update.
    seen: Vec<bool>,
    records: u64,
    duplicates: u64,
    miscounted: u64,
}

impl Judge {
    fn new(seed: u64, count: u64) -> Self {
        let mut counts = [0; KEYS as usize];
        let mut nth = Vec::new();
        let mut last = BTreeMap::new();
        for n in 0..count {
            let key = key(seed, n);
            counts[key as usize] += 1;
            nth.push(counts[key as usize]);
            last.insert(key, n);
        }
        let seen = vec![false; nth.len()];
        Judge { seed, nth, last, seen, records: 0, duplicates: 0, miscounted: 0 }
    }

    fn read(&mut self, place: &Place, patience: Duration) -> Result<()> {
        let (consumer, mut left) = raw::whole(&place.servers, &place.output())?;
        let mut heard = Instant::now();
        // What was there is read to its end; then a short silence says that nothing more comes.
        while left > 0 || heard.elapsed() < if self.seen.contains(&false) { patience } else { millis(300) } {
            if let Some(record) = consumer.poll(millis(50)) {
                let Ok(record) = record else { continue };
                self.record(record.key(), record.payload());
                left -= 1;
                heard = Instant::now();
            } else if heard.elapsed() > patience + secs(30) {
                return Err(Error::msg(format!("{left} records of the output are not read")));
            }
        }
        Ok(())
    }

    fn record(&mut self, name: Option<&[u8]>, value: Option<&[u8]>) {
        self.records += 1;
        let update = value.and_then(|value| serde_json::from_slice::<(u64, u64)>(value).ok());
        let of_key = |n| name == Some(format!("key-{}", key(self.seed, n)).as_bytes());
        let Some((count, n)) = update.filter(|(_, n)| (*n as usize) < self.nth.len() && of_key(*n)) else {
            self.miscounted += 1;
            return;
        };
        self.duplicates += u64::from(std::mem::replace(&mut self.seen[n as usize], true));
        self.miscounted += u64::from(self.nth[n as usize] != count);
    }

    /// How many keys are not in the cache as they should be, or should not be.
    fn wrong_rows(&self, state: &str) -> usize {
        let mut rows: BTreeMap<&str, &str> = state.lines().filter_map(|row| row.split_once(' ')).collect();
        let is_wrong = |(key, n): (&u64, &u64)| {
            let should = format!("{} {n}", self.nth[*n as usize]);
            rows.remove(format!("key-{key}").as_str()) != Some(should.as_str())
        };
        let wrong = self.last.iter().map(is_wrong).filter(|wrong| *wrong).count();
        wrong + rows.len()
    }
}
