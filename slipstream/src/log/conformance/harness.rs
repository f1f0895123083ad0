//! What tests of logs write and read with.

use super::super::*;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

const PATIENCE: Duration = Duration::from_secs(40);

/// A name that nothing else has.
pub(crate) fn name(what: &str) -> Arc<str> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    format!("slipstream-{what}-{since}-{}", NEXT.fetch_add(1, Ordering::Relaxed)).into()
}

pub(crate) fn outgoing(topic: &Arc<str>, key: Option<&str>, value: &str) -> Outgoing {
    Outgoing {
        topic: topic.clone(),
        partition: None,
        key: key.map(|key| Bytes::copy_from_slice(key.as_bytes())),
        value: Some(Bytes::copy_from_slice(value.as_bytes())),
        headers: Vec::new(),
        timestamp: None,
    }
}

/// Writes, and waits until all is acknowledged; the results in the order of writing.
pub(crate) fn write(log: &Arc<dyn Log>, records: Vec<Outgoing>) -> Vec<Result<Written>> {
    let (sender, receiver) = std::sync::mpsc::channel();
    let count = records.len();
    for (at, record) in records.into_iter().enumerate() {
        let sender = sender.clone();
        log.produce(record, Ack::new(move |result| sender.send((at, result)).unwrap()));
    }
    log.flush();
    let acks: BTreeMap<_, _> = (0..count).map(|_| receiver.recv_timeout(PATIENCE).unwrap()).collect();
    assert_eq!(acks.len(), count);
    acks.into_values().collect()
}

pub(crate) fn written(log: &Arc<dyn Log>, records: Vec<Outgoing>) -> Vec<Written> {
    write(log, records).into_iter().map(Result::unwrap).collect()
}

/// A lane of a test, with all that it was given.
pub(crate) struct Reading {
    pub(crate) receiver: mpsc::Receiver<Delivery>,
    pub(crate) assigned: Option<Vec<u32>>,
    pub(crate) records: Vec<Incoming>,
    pub(crate) ends: Vec<(u32, i64)>,
    pub(crate) failed: Option<crate::error::Error>,
}

pub(crate) fn subscription(
    topic: &Arc<str>,
    origin: Origin,
    position: impl Fn(u32) -> Option<i64> + Send + Sync + 'static,
    room: usize,
) -> (Subscription, Reading) {
    let (deliver, receiver) = mpsc::channel(room);
    let position = Arc::new(move |partition| Known { offset: position(partition), epoch: 0 });
    let subscription =
        Subscription { topic: topic.clone(), origin, position, hears: Arc::new(|_| Ok(())), deliver };
    (subscription, Reading { receiver, assigned: None, records: vec![], ends: vec![], failed: None })
}

pub(crate) fn read(log: &Arc<dyn Log>, group: &str, topic: &Arc<str>, origin: Origin) -> Reading {
    let (subscription, reading) = subscription(topic, origin, |_| None, 4);
    log.subscribe(group, vec![subscription]).unwrap();
    reading
}

impl Reading {
    /// Takes one delivery if one comes in time.
    pub(crate) fn take(&mut self, within: Duration) -> bool {
        let until = Instant::now() + within;
        loop {
            match self.receiver.try_recv() {
                Ok(Delivery::Assigned(mut partitions)) => {
                    partitions.sort_unstable();
                    self.assigned = Some(partitions);
                }
                Ok(Delivery::Records(records)) => {
                    assert!(self.assigned.is_some(), "records before an assignment");
                    assert!((1..=256).contains(&records.len()), "{} records in a batch", records.len());
                    self.records.extend(records);
                }
                Ok(Delivery::End { partition, offset, .. }) => self.ends.push((partition, offset)),
                Ok(Delivery::Failed(error)) => self.failed = Some(error),
                Err(_) if Instant::now() >= until => return false,
                Err(_) => {
                    std::thread::sleep(Duration::from_millis(1));
                    continue;
                }
            }
            return true;
        }
    }

    pub(crate) fn until(&mut self, what: &str, enough: impl Fn(&Reading) -> bool) {
        let until = Instant::now() + PATIENCE;
        while !enough(self) {
            let (records, ends) = (self.records.len(), &self.ends);
            assert!(Instant::now() < until, "{what}: {records} records, ends {ends:?}, {:?}", self.failed);
            self.take(Duration::from_millis(100));
        }
    }

    /// Reads until each partition was told to be at the end that it has now.
    pub(crate) fn until_ends(&mut self, ends: &[i64]) {
        let all = |r: &Reading| {
            ends.iter().enumerate().all(|(partition, &end)| r.ends.contains(&(partition as u32, end)))
        };
        self.until("to the ends", all);
    }

    /// Asserts that each partition's offsets go on without gap from where they start.
    pub(crate) fn assert_in_order(&self, starts: &BTreeMap<u32, i64>) {
        let mut next = starts.clone();
        for record in &self.records {
            let next = next.entry(record.partition).or_insert(0);
            assert_eq!(record.offset, *next, "partition {}", record.partition);
            *next += 1;
        }
    }

    pub(crate) fn values(&self) -> Vec<String> {
        let value = |r: &Incoming| String::from_utf8(r.value.clone().unwrap().to_vec()).unwrap();
        self.records.iter().map(value).collect()
    }
}

pub(crate) fn close(log: &Arc<dyn Log>) {
    let start = Instant::now();
    log.close(Duration::from_secs(10));
    assert!(start.elapsed() < Duration::from_secs(11));
}
