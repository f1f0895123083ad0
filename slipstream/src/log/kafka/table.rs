//! Our own account of each partition that is read: librdkafka's pause, seek and assign race with each other.

use crate::log::Known;
use std::collections::BTreeMap;

/// How many ticks of silence make a partition suspect of a stall.
const SUSPECT: u32 = 30;
/// How often in a row a partition is started again before that is an error.
const RESTARTS: u32 = 3;

/// What to do about something that came from librdkafka.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Take,
    /// It is not ours, or was taken before.
    Drop,
    /// It is too far on, though nothing was taken since the start: ask once for this offset.
    SeekBack(i64),
}

/// A partition that is ours.
#[derive(Debug)]
pub(super) struct Reading {
    /// The offset to take next.
    pub(super) next: i64,
    /// Nothing has come since the start, a seek or a resume.
    fresh: bool,
    /// A gap at the start was doubted already; a second time it is true (compaction, or marks of transactions).
    doubted: bool,
    /// The end that the broker told since the last start, seek or resume; it tells each once.
    heard: Option<i64>,
    /// The end that was handed on.
    told: Option<i64>,
    silent: u32,
    restarts: u32,
    /// Where it began.
    start: i64,
    /// The offset behind the last record; before an end there may be marks of transactions.
    taken: Option<i64>,
    /// What is read has this.
    pub(super) epoch: u32,
    /// The offset before a seek: what is from there on may be left over from before, however often it comes.
    left_over: Option<i64>,
}

impl Reading {
    pub(super) fn new(next: i64, epoch: u32) -> Self {
        Reading {
            next,
            fresh: true,
            doubted: false,
            heard: None,
            told: None,
            silent: 0,
            restarts: 0,
            start: next,
            taken: None,
            epoch,
            left_over: None,
        }
    }

    /// The offset behind the last record that was taken, if there is one.
    pub(super) fn taken(&self) -> Option<i64> {
        self.taken
    }

    /// The position has moved: reading goes on from there.
    pub(super) fn sought(&mut self, known: Known) {
        let left_over = Some(self.next);
        let start = self.start;
        *self = Reading::new(known.offset.unwrap_or(start), known.epoch);
        self.start = start;
        self.left_over = left_over;
    }

    /// Judges a record by its offset.
    pub(super) fn record(&mut self, offset: i64) -> Verdict {
        let verdict = self.judge(offset);
        if verdict == Verdict::Take {
            self.next = offset + 1;
            self.taken = Some(self.next);
            self.silent = 0;
            self.restarts = 0;
        }
        verdict
    }

    /// Judges an end that is this partition's; to take it is to hand it on.
    pub(super) fn end(&mut self, offset: i64) -> Verdict {
        let verdict = self.judge(offset);
        if verdict == Verdict::Take {
            self.next = offset;
            self.heard = Some(offset);
            if self.told.replace(offset) == Some(offset) {
                return Verdict::Drop;
            }
        }
        verdict
    }

    fn judge(&mut self, offset: i64) -> Verdict {
        if offset < self.next {
            return Verdict::Drop;
        }
        if offset > self.next && self.fresh && !self.doubted {
            self.doubted = self.left_over.take().is_none_or(|old| offset < old);
            return Verdict::SeekBack(self.next);
        }
        self.fresh = false;
        Verdict::Take
    }

    /// Whether an end at this offset may be this partition's.
    pub(super) fn may_end(&self, offset: i64) -> bool {
        self.next <= offset && self.heard != Some(offset)
    }

    /// Reading starts again at `next`, after a pause or a seek: the broker tells the end anew.
    pub(super) fn restarted(&mut self) {
        self.fresh = true;
        self.heard = None;
        self.silent = 0;
    }

    /// Counts time; true if it is worth to ask the broker whether there is more.
    pub(super) fn is_suspect(&mut self) -> bool {
        self.silent += 1;
        let suspect = self.silent >= SUSPECT;
        if suspect {
            self.silent = 0;
        }
        suspect
    }

    /// Notes that there is more, but does not come; false if that happened too often.
    pub(super) fn stalled(&mut self) -> bool {
        self.restarts += 1;
        self.restarts < RESTARTS
    }
}

/// The partitions that are ours, by number, of one topic.
#[derive(Debug, Default)]
pub(super) struct Table {
    readings: BTreeMap<u32, Reading>,
    pub(super) paused: bool,
}

impl Table {
    pub(super) fn assign(&mut self, starts: &BTreeMap<u32, Known>) {
        let reading = |(&partition, known): (&u32, &Known)| {
            (partition, Reading::new(known.offset.unwrap_or_default(), known.epoch))
        };
        self.readings.extend(starts.iter().map(reading));
    }

    pub(super) fn revoke(&mut self, partitions: &[u32]) {
        self.readings.retain(|partition, _| !partitions.contains(partition));
    }

    pub(super) fn get(&mut self, partition: u32) -> Option<&mut Reading> {
        self.readings.get_mut(&partition)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Reading)> {
        self.readings.iter().map(|(&partition, reading)| (partition, reading))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut Reading)> {
        self.readings.iter_mut().map(|(&partition, reading)| (partition, reading))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_in_order_and_drops_what_was_taken() {
        let mut reading = Reading::new(5, 0);
        assert_eq!(reading.record(4), Verdict::Drop);
        assert_eq!(reading.record(5), Verdict::Take);
        assert_eq!(reading.record(5), Verdict::Drop);
        // Gaps further on are compaction and marks of transactions.
        assert_eq!(reading.record(9), Verdict::Take);
        assert_eq!(reading.next, 10);
    }

    #[test]
    fn doubts_a_gap_at_the_start_once() {
        let mut reading = Reading::new(5, 0);
        assert_eq!(reading.record(7), Verdict::SeekBack(5));
        reading.restarted();
        assert_eq!(reading.record(5), Verdict::Take);
        let mut reading = Reading::new(5, 0);
        assert_eq!(reading.end(7), Verdict::SeekBack(5));
        reading.restarted();
        assert_eq!(reading.record(7), Verdict::Take);
    }

    #[test]
    fn tells_an_end_once() {
        let mut reading = Reading::new(0, 0);
        assert!(reading.may_end(0));
        assert_eq!(reading.end(0), Verdict::Take);
        assert!(!reading.may_end(0) && reading.may_end(1));
        reading.restarted();
        assert!(reading.may_end(0));
        assert_eq!(reading.end(0), Verdict::Drop);
        assert_eq!(reading.record(0), Verdict::Take);
        assert_eq!(reading.end(1), Verdict::Take);
    }

    #[test]
    fn a_stall_is_an_error_only_when_starting_again_does_not_help() {
        let mut reading = Reading::new(0, 0);
        assert_eq!((0..SUSPECT).filter(|_| reading.is_suspect()).count(), 1);
        assert!(reading.stalled());
        assert_eq!(reading.record(0), Verdict::Take);
        assert!(reading.stalled() && reading.stalled() && !reading.stalled());
    }
}
