//! Which partition has ended, and where.

use super::reader::Reader;
use super::table::Verdict;
use crate::log::Delivery;
use rdkafka::consumer::Consumer;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// An end that is told of a partition's number: the topics whose it may be, where each was, and where it would end.
pub(super) struct Doubt {
    partition: u32,
    candidates: Vec<(usize, i64, i64)>,
    since: Instant,
}

/// How often the broker is asked at most.
const SETTLE: Duration = Duration::from_millis(100);
/// How long the records of a candidate may still come before it is looked into: each look costs a client of its own.
const COMING: Duration = Duration::from_millis(500);

impl Reader {
    /// Finds out which partition has ended. rdkafka names its number, but not its topic, and librdkafka names the
    /// offset in a text only; where that leaves a choice the broker will be asked, since an end must never be wrong.
    pub(super) fn end(&mut self, partition: i32, said: &str) {
        self.client.context().voice.up();
        let Ok(partition) = u32::try_from(partition) else { return };
        let offset = end_offset(said);
        let mut candidates = Vec::new();
        for (at, topic) in self.topics.iter_mut().enumerate() {
            if let Some(reading) = topic.table.get(partition) {
                let offset = offset.unwrap_or(reading.next);
                if reading.may_end(offset) {
                    candidates.push((at, reading.next, offset));
                }
            }
        }
        // Of several topics the end may be that of one which was told already.
        if let [(at, next, offset)] = candidates[..]
            && (next == offset || self.topics.len() == 1)
        {
            return self.ended(at, partition, offset);
        }
        if !candidates.is_empty() {
            self.doubts.push(Doubt { partition, candidates, since: Instant::now() });
        }
    }

    /// Asks the broker about all ends at once of which it is not known whose they are. Without an answer there is no end;
    /// `watch` looks for it later.
    pub(super) fn settle_ends(&mut self) {
        if self.doubts.is_empty() || self.settled.elapsed() < SETTLE {
            return;
        }
        let doubts = std::mem::take(&mut self.doubts);
        let asked =
            doubts.iter().flat_map(|doubt| doubt.candidates.iter().map(|(at, ..)| (*at, doubt.partition)));
        let asked: Vec<_> = asked.collect::<BTreeSet<_>>().into_iter().collect();
        let marks = self.marks(&asked);
        self.settled = Instant::now();
        let Some(marks) = marks else { return };
        // The poll must not stand still for many looks in a row.
        let mut has_looked = false;
        for doubt in doubts {
            let Doubt { partition, ref candidates, since } = doubt;
            let next =
                |reader: &mut Self, at: usize| reader.topics[at].table.get(partition).map(|found| found.next);
            // Where something came of one of them since, the end may have been that one's.
            let unmoved = candidates.iter().all(|&(at, before, _)| next(self, at) == Some(before));
            // It must hold as much as that to end there.
            let mut marked = Vec::new();
            for &(at, _, offset) in candidates {
                let topic = &mut self.topics[at];
                let high = marks.get(&(topic.start.topic.to_string(), partition)).map(|(_, high)| *high);
                if let (Some(reading), Some(high)) = (topic.table.get(partition), high)
                    && reading.may_end(offset)
                    && high >= offset
                {
                    marked.push((at, reading.next, offset, high));
                }
            }
            let is_end = |(_, next, offset, high): &&(usize, i64, i64, i64)| next == offset && offset == high;
            let ends: Vec<_> = marked.iter().filter(is_end).collect();
            for &&(at, _, offset, _) in &ends {
                self.ended(at, partition, offset);
            }
            if !ends.is_empty() || !unmoved {
                continue;
            }
            marked.retain(|(_, _, offset, high)| offset == high);
            if !marked.is_empty() && (has_looked || since.elapsed() < COMING) {
                self.doubts.push(doubt);
                continue;
            }
            let mut left = marked.into_iter().map(|(at, next, offset, _)| (at, next, offset));
            let Some((at, next, offset)) = left.next() else { continue };
            has_looked = true;
            // Between the last record and the end there may be marks of transactions only.
            if self.probe.is_empty(&self.topics[at].start.topic, partition, next) {
                self.ended(at, partition, offset);
            } else {
                self.doubts.push(Doubt { partition, candidates: left.collect(), since });
            }
        }
    }

    /// Hands an end on, if it is new.
    pub(super) fn ended(&mut self, at: usize, partition: u32, offset: i64) {
        let topic = &mut self.topics[at];
        match topic.table.get(partition).map(|reading| (reading.end(offset), reading.epoch)) {
            Some((Verdict::Take, epoch)) => topic.backlog.push(Delivery::End { partition, offset, epoch }),
            Some((Verdict::SeekBack(_), _)) => self.restart(at, partition),
            Some((Verdict::Drop, _)) | None => {}
        }
    }
}

/// The offset in librdkafka's words `... reached end of partition at offset 7 (...`.
fn end_offset(said: &str) -> Option<i64> {
    let (_, rest) = said.split_once("end of partition at offset ")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_an_end_out_of_its_text() {
        let said = "Fetch from broker 1 reached end of partition at offset 42 (HighwaterMark 43)";
        assert_eq!(end_offset(said), Some(42));
        assert_eq!(end_offset("something else"), None);
    }
}
