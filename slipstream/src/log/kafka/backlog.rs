//! What was read for a subscription and is not handed on yet.

use super::batch::{self, Batch};
use crate::log::{Delivery, Incoming};
use std::collections::{BTreeMap, VecDeque};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// From here on no more is read. Pausing throws away what librdkafka has fetched ahead, so it must not come often.
const HIGH: Size = Size { records: 16_384, bytes: 8 << 20 };
/// Below this reading goes on: what is left bridges the time until the broker has answered.
const LOW: Size = Size { records: HIGH.records / 2, bytes: HIGH.bytes / 2 };
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Size {
    records: usize,
    bytes: usize,
}

/// A queue before a lane's bounded channel, so that the thread that polls never waits on a lane.
pub(super) struct Backlog {
    deliver: mpsc::Sender<Delivery>,
    waiting: VecDeque<(Delivery, Size)>,
    batch: Batch,
    size: Size,
    gone: bool,
}

impl Backlog {
    pub(super) fn new(deliver: mpsc::Sender<Delivery>) -> Self {
        let (waiting, batch) = (VecDeque::new(), Batch::default());
        Backlog { deliver, waiting, batch, size: Size::default(), gone: false }
    }

    /// Adds a record to the batch, which goes at once when it is full.
    pub(super) fn record(&mut self, record: Incoming, key: Option<&[u8]>, value: Option<&[u8]>) {
        if self.gone {
            return;
        }
        self.batch.push(record, key, value);
        if self.batch.len() == batch::RECORDS || self.batch.bytes() >= LOW.bytes {
            self.seal();
            self.hand_on();
        }
    }

    /// Adds what is not a record, behind all that came before.
    pub(super) fn push(&mut self, delivery: Delivery) {
        self.seal();
        self.waiting.push_back((delivery, Size::default()));
        self.hand_on();
    }

    /// Drops the records and the ends of these partitions, which are not ours any more. Gives the first offset of each
    /// that was dropped.
    pub(super) fn forget(&mut self, gone: &[u32]) -> BTreeMap<u32, i64> {
        self.seal();
        let mut first = BTreeMap::new();
        for (delivery, size) in &mut self.waiting {
            let Delivery::Records(records) = delivery else { continue };
            let before = records.len();
            records.retain(|record| {
                let stays = !gone.contains(&record.partition);
                if !stays {
                    first.entry(record.partition).or_insert(record.offset);
                }
                stays
            });
            // About: records of a batch are alike.
            let less = |all: usize| all - all * (before - records.len()) / before;
            let left = Size { records: records.len(), bytes: less(size.bytes) };
            self.size.records -= size.records - left.records;
            self.size.bytes -= size.bytes - left.bytes;
            *size = left;
        }
        self.waiting.retain(|(delivery, _)| match delivery {
            Delivery::Records(records) => !records.is_empty(),
            Delivery::End { partition, .. } => !gone.contains(partition),
            Delivery::Assigned(_) | Delivery::Failed(_) => true,
        });
        first
    }

    /// Gives the lane as much as its channel takes.
    pub(super) fn hand_on(&mut self) {
        loop {
            // While others wait the batch goes on growing.
            if self.waiting.is_empty() {
                self.seal();
            }
            let Some((delivery, size)) = self.waiting.pop_front() else { return };
            match self.deliver.try_send(delivery) {
                Ok(()) => {
                    self.size.records -= size.records;
                    self.size.bytes -= size.bytes;
                }
                Err(TrySendError::Full(delivery)) => {
                    self.waiting.push_front((delivery, size));
                    return;
                }
                Err(TrySendError::Closed(_)) => {
                    self.gone = true;
                    self.waiting.clear();
                    self.batch.take();
                    self.size = Size::default();
                }
            }
        }
    }

    /// The lane has ended.
    pub(super) fn gone(&self) -> bool {
        self.gone
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.batch.len() == 0
    }

    /// Whether reading must pause, given whether it does now.
    pub(super) fn is_full(&self, paused: bool) -> bool {
        let limit = if paused { LOW } else { HIGH };
        self.size.records > limit.records || self.size.bytes > limit.bytes
    }

    fn seal(&mut self) {
        let size = Size { records: self.batch.len(), bytes: self.batch.bytes() };
        if size.records > 0 {
            self.size.records += size.records;
            self.size.bytes += size.bytes;
            self.waiting.push_back((Delivery::Records(self.batch.take()), size));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(backlog: &mut Backlog, offset: i64, bytes: usize) {
        let record = Incoming {
            partition: 0,
            offset,
            key: None,
            value: None,
            headers: vec![],
            timestamp: None,
            epoch: 0,
        };
        backlog.record(record, None, Some(&vec![0; bytes]));
    }

    #[test]
    fn fills_drains_and_keeps_the_order() {
        let (deliver, mut lane) = mpsc::channel(1);
        let mut backlog = Backlog::new(deliver);
        let mut offset = 0;
        while !backlog.is_full(false) {
            record(&mut backlog, offset, 1);
            offset += 1;
        }
        assert!(backlog.size.records > HIGH.records && backlog.size.records <= HIGH.records + batch::RECORDS);
        backlog.push(Delivery::End { partition: 0, offset, epoch: 0 });
        let mut next = 0;
        let mut resumed = false;
        loop {
            match lane.try_recv().unwrap() {
                Delivery::Records(records) => {
                    records.iter().for_each(|record| {
                        assert_eq!(record.offset, next);
                        next += 1;
                    });
                }
                Delivery::End { offset: end, .. } => {
                    assert_eq!((end, next), (offset, offset));
                    break;
                }
                other => panic!("{other:?}"),
            }
            backlog.hand_on();
            resumed |= !backlog.is_full(true);
        }
        assert!(resumed && backlog.is_empty());
        assert_eq!(backlog.size, Size::default());
    }

    #[test]
    fn forgets_partitions_that_are_gone_and_no_others() {
        let (deliver, mut lane) = mpsc::channel(1);
        let mut backlog = Backlog::new(deliver);
        backlog.push(Delivery::Assigned(vec![0, 1]));
        for offset in 0..10 {
            let headers = vec![];
            let partition = u32::from(offset >= 4);
            let record =
                Incoming { partition, offset, key: None, value: None, headers, timestamp: None, epoch: 0 };
            backlog.record(record, None, Some(b"value"));
        }
        for partition in [0, 1] {
            backlog.push(Delivery::End { partition, offset: 10, epoch: 0 });
        }
        let before = backlog.size;
        assert_eq!(backlog.forget(&[0, 7]), BTreeMap::from([(0, 0)]));
        assert_eq!(backlog.size, Size { records: 6, bytes: before.bytes * 6 / 10 });
        let mut left = Vec::new();
        while let Ok(delivery) = lane.try_recv() {
            match delivery {
                Delivery::Records(records) => left.extend(records.iter().map(|record| record.offset)),
                Delivery::End { partition, .. } => assert_eq!(partition, 1),
                _ => {}
            }
            backlog.hand_on();
        }
        assert_eq!(left, [4, 5, 6, 7, 8, 9]);
        assert_eq!((backlog.size, backlog.is_empty()), (Size::default(), true));
    }

    #[test]
    fn counts_bytes_too() {
        let (deliver, _lane) = mpsc::channel(1);
        let mut backlog = Backlog::new(deliver);
        let mut count = 0;
        while !backlog.is_full(false) {
            record(&mut backlog, count, 1 << 20);
            count += 1;
        }
        assert!(count < 20, "{count}");
    }

    #[test]
    fn a_lane_that_ended_holds_nothing() {
        let (deliver, lane) = mpsc::channel(1);
        let mut backlog = Backlog::new(deliver);
        drop(lane);
        (0..1000).for_each(|offset| record(&mut backlog, offset, 1));
        backlog.hand_on();
        assert!(backlog.gone() && backlog.is_empty());
    }
}
