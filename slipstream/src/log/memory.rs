//! Topics within the process: deterministic, gone with it; for examples and tests.
//!
//! A topic keeps its records in the order of their arrival and is read in that order, so that what a reader sees does
//! not depend on when it was woken.

use super::{
    Ack, Delivery, GroupOffset, Incoming, Log, Mark, Outgoing, Position, Start, Subscription, Told, Written,
    check_bounds, partitioner,
};
use crate::error::{Error, ErrorKind, Result};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};
use tokio::sync::{Notify, mpsc};

#[cfg(test)]
mod tests;

/// How many records a delivery holds at most.
const BATCH: usize = 256;

/// A log in memory. A clone is another client of the same topics: closing it ends its own readers only.
pub(crate) struct MemoryLog {
    shared: Arc<Shared>,
    client: Client,
}

/// What all clients see.
struct Shared {
    default_partitions: u32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    topics: HashMap<Arc<str>, Topic>,
    /// What each group has committed, by topic and partition.
    committed: HashMap<String, BTreeMap<(Arc<str>, u32), Told>>,
    /// Who reads a topic for a group.
    members: HashMap<(String, Arc<str>), Weak<Reader>>,
}

#[derive(Default)]
struct Topic {
    arrivals: Vec<Incoming>,
    /// For each partition where its records are among the arrivals.
    partitions: Vec<Vec<usize>>,
    readers: Vec<Weak<Reader>>,
    /// Where the next record without a key goes.
    turn: u32,
}

/// One app's connection.
#[derive(Default)]
struct Client {
    closed: AtomicBool,
    /// Also of readers that have ended, since the last commit may come after.
    reads: Mutex<Vec<Read>>,
}

/// What a client reads: the group, the topic, and who does it.
type Read = (String, Arc<str>, Weak<Reader>);

/// A reader's membership and bell. Its task holds the only strong reference, so that both end with the task.
struct Reader {
    group: String,
    topic: Arc<str>,
    closed: AtomicBool,
    /// The partitions that are to be read from elsewhere.
    sought: Mutex<Vec<u32>>,
    /// Those that the group gives it from now on, if it has changed its mind.
    given: Mutex<Option<Vec<u32>>>,
    /// Keeps one ring until it is heard, so that an append is not missed between looking and waiting.
    bell: Notify,
}

impl Reader {
    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.bell.notify_one();
    }
}

impl MemoryLog {
    /// A log without topics; each is made at its first use, with as many partitions as given here.
    pub(crate) fn new(default_partitions: u32) -> Self {
        let shared = Shared { default_partitions: default_partitions.max(1), state: Mutex::default() };
        MemoryLog { shared: Arc::new(shared), client: Client::default() }
    }

    /// Everything that was written to a topic, in the order of arrival.
    pub(crate) fn contents(&self, topic: &str) -> Vec<Incoming> {
        self.shared.lock().topics.get(topic).map(|topic| topic.arrivals.clone()).unwrap_or_default()
    }

    /// Whoever reads a topic has these of its partitions from now on, as if others of its group had the rest.
    pub(crate) fn assign(&self, topic: &str, partitions: &[u32]) {
        let mut state = self.shared.lock();
        let readers = state.topic(topic, self.shared.default_partitions).readers.iter();
        for reader in readers.filter_map(Weak::upgrade).collect::<Vec<_>>() {
            *lock(&reader.given) = Some(partitions.to_vec());
            reader.bell.notify_one();
        }
    }

    fn append(&self, record: Outgoing) -> Result<Written> {
        if self.client.closed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Log, format!("topic `{}`: the log is closed", record.topic)));
        }
        let timestamp = record.timestamp.or_else(now);
        let mut state = self.shared.lock();
        let topic = state.topic(&record.topic, self.shared.default_partitions);
        let count = topic.partitions.len() as u32;
        let partition = match (record.partition, &record.key) {
            (Some(partition), _) => partition,
            (None, Some(key)) => partitioner::partition(key, count),
            (None, None) => {
                topic.turn = (topic.turn + 1) % count;
                (topic.turn + count - 1) % count
            }
        };
        let at = topic.arrivals.len();
        let Some(places) = topic.partitions.get_mut(partition as usize) else {
            return Err(no_partition(&record.topic, partition, count as usize));
        };
        let offset = places.len() as i64;
        places.push(at);
        let Outgoing { key, value, headers, .. } = record;
        let incoming = Incoming { partition, offset, key, value, headers, timestamp, epoch: 0 };
        topic.arrivals.push(incoming);
        topic.readers.retain(|reader| reader.upgrade().map(|reader| reader.bell.notify_one()).is_some());
        Ok(Written { partition, offset })
    }
}

impl Log for MemoryLog {
    fn partitions(&self, topic: &str) -> Result<Option<u32>> {
        Ok(self.shared.lock().topics.get(topic).map(|topic| topic.partitions.len() as u32))
    }

    fn create(&self, topic: &str, partitions: u32) -> Result<()> {
        let mut state = self.shared.lock();
        let found = state.topic(topic, partitions.max(1)).partitions.len();
        if found == partitions.max(1) as usize {
            return Ok(());
        }
        let message = format!("topic `{topic}` exists with {found} partitions, not {partitions}");
        Err(Error::new(ErrorKind::Log, message))
    }

    fn ends(&self, topic: &str) -> Result<Vec<i64>> {
        let mut state = self.shared.lock();
        let topic = state.topic(topic, self.shared.default_partitions);
        Ok(topic.partitions.iter().map(|places| places.len() as i64).collect())
    }

    fn bounds(&self, topic: &str, partition: u32) -> Result<(i64, i64)> {
        let ends = self.ends(topic)?;
        let end = ends.get(partition as usize).copied();
        end.map(|end| (0, end)).ok_or_else(|| no_partition(topic, partition, ends.len()))
    }

    fn reread(&self, topic: &str, partition: u32) {
        for (_, read, reader) in lock(&self.client.reads).iter() {
            if let Some(reader) = reader.upgrade().filter(|_| **read == *topic) {
                lock(&reader.sought).push(partition);
                reader.bell.notify_one();
            }
        }
    }

    fn subscribe(&self, group: &str, subscriptions: Vec<Subscription>) -> Result<()> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|error| {
            Error::caused(ErrorKind::Log, "topics in memory are read within a tokio runtime", error)
        })?;
        if self.client.closed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Log, format!("group `{group}`: the log is closed")));
        }
        let mut state = self.shared.lock();
        let mut readers: Vec<Arc<Reader>> = Vec::new();
        for Subscription { topic, .. } in &subscriptions {
            if state.is_read(group, topic) || readers.iter().any(|reader| reader.topic == *topic) {
                let message = format!(
                    "group `{group}` reads topic `{topic}` already: a topic in memory has one reader in a group"
                );
                return Err(Error::new(ErrorKind::Log, message));
            }
            let (group, topic) = (group.to_owned(), topic.clone());
            let (closed, bell) = (AtomicBool::new(false), Notify::new());
            let (sought, given) = (Mutex::default(), Mutex::default());
            readers.push(Arc::new(Reader { group, topic, closed, sought, given, bell }));
        }
        for reader in &readers {
            let weak = Arc::downgrade(reader);
            state.members.insert((reader.group.clone(), reader.topic.clone()), weak.clone());
            let topic = state.topic(&reader.topic, self.shared.default_partitions);
            topic.readers.push(weak.clone());
            lock(&self.client.reads).push((reader.group.clone(), reader.topic.clone(), weak));
        }
        drop(state);
        for (reader, subscription) in readers.into_iter().zip(subscriptions) {
            // Here and not in the task: what is written from now on is behind the latest record.
            let cursor = Cursor::start(&self.shared, &reader, &subscription);
            runtime.spawn(read(self.shared.clone(), reader, cursor, subscription.deliver));
        }
        Ok(())
    }

    fn produce(&self, record: Outgoing, ack: Ack) {
        ack.tell(self.append(record));
    }

    fn in_flight(&self) -> usize {
        0
    }

    fn has_room(&self) -> bool {
        true
    }

    fn largest(&self) -> usize {
        usize::MAX
    }

    fn flush(&self) {}

    fn commit(&self, offsets: &[GroupOffset]) {
        let reads = lock(&self.client.reads);
        let mut state = self.shared.lock();
        for (group, topic, _) in reads.iter() {
            let committed = state.committed.entry(group.clone()).or_default();
            for offset in offsets.iter().filter(|offset| offset.topic == *topic) {
                let GroupOffset { partition, offset, by, .. } = *offset;
                committed.insert((topic.clone(), partition), Told { partition, offset, by });
            }
        }
    }

    fn close(&self, _deadline: Duration) {
        self.client.close();
    }
}

impl Client {
    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        for (_, _, reader) in lock(&self.reads).drain(..) {
            if let Some(reader) = reader.upgrade() {
                reader.close();
            }
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    fn topic(&mut self, name: &str, partitions: u32) -> &mut Topic {
        if !self.topics.contains_key(name) {
            let partitions = vec![Vec::new(); partitions as usize];
            self.topics.insert(name.into(), Topic { partitions, ..Topic::default() });
        }
        self.topics.entry(name.into()).or_default()
    }

    /// The offset of a partition's first record of this time or later.
    fn since(&self, topic: &str, partition: u32, time: i64) -> Option<i64> {
        let mut arrivals = self.topics.get(topic)?.arrivals.iter();
        let is_since = |record: &&Incoming| record.partition == partition && record.timestamp >= Some(time);
        arrivals.find(is_since).map(|record| record.offset)
    }

    fn is_read(&self, group: &str, topic: &Arc<str>) -> bool {
        let reader = self.members.get(&(group.to_owned(), topic.clone())).and_then(Weak::upgrade);
        reader.is_some_and(|reader| !reader.closed.load(Ordering::Acquire))
    }
}

/// Where a reader stands.
struct Cursor {
    /// The first arrival not looked at yet.
    arrival: usize,
    /// By partition, the offset to deliver next.
    next: Vec<i64>,
    /// By partition, the end that was told last.
    told: Vec<Option<i64>>,
    /// By partition, where reading began, and the epoch of what is read now.
    starts: Vec<i64>,
    epochs: Vec<u32>,
    /// By partition, whether it is ours.
    ours: Vec<bool>,
    position: Position,
}

/// Reads a topic until its reader is closed or nobody listens any more.
async fn read(
    shared: Arc<Shared>,
    reader: Arc<Reader>,
    cursor: Result<Cursor>,
    deliver: mpsc::Sender<Delivery>,
) {
    let mut cursor = match cursor {
        Ok(cursor) => cursor,
        Err(error) => {
            send(&reader, &deliver, Delivery::Failed(error)).await;
            return;
        }
    };
    let all = (0..cursor.next.len() as u32).collect();
    let mut going = send(&reader, &deliver, Delivery::Assigned(all)).await;
    while going {
        if let Some(ours) = cursor.take_up(&reader) {
            going = send(&reader, &deliver, Delivery::Assigned(ours)).await;
            // That may have heard the bell for the next change.
            continue;
        }
        if let Err(error) = cursor.seek(&shared, &reader) {
            send(&reader, &deliver, Delivery::Failed(error)).await;
            return;
        }
        let (records, ends) = cursor.advance(&shared, &reader.topic);
        // Only then nothing was awaited that may have heard the bell.
        let idle = records.is_empty() && ends.is_empty();
        if !records.is_empty() {
            going = send(&reader, &deliver, Delivery::Records(records)).await;
        }
        for (partition, offset) in ends {
            let epoch = cursor.epochs[partition as usize];
            going = going && send(&reader, &deliver, Delivery::End { partition, offset, epoch }).await;
        }
        if going && idle {
            going = reader.rung(&deliver).await;
        }
    }
}

impl Reader {
    /// Waits for the bell; false if there is no more use in reading.
    async fn rung(&self, deliver: &mpsc::Sender<Delivery>) -> bool {
        tokio::select! {
            biased;
            () = self.bell.notified() => !self.closed.load(Ordering::Acquire),
            () = deliver.closed() => false,
        }
    }
}

/// Hands a delivery on as soon as there is room; false if there is no more use in reading.
async fn send(reader: &Reader, deliver: &mpsc::Sender<Delivery>, delivery: Delivery) -> bool {
    let permit = loop {
        if reader.closed.load(Ordering::Acquire) {
            return false;
        }
        tokio::select! {
            biased;
            permit = deliver.reserve() => break permit,
            // Either it was closed, or something was appended, which the next look finds anyway.
            () = reader.bell.notified() => {}
        }
    };
    permit.map(|permit| permit.send(delivery)).is_ok()
}

impl Cursor {
    fn start(shared: &Shared, reader: &Reader, subscription: &Subscription) -> Result<Cursor> {
        let ends: Vec<i64> = {
            let mut state = shared.lock();
            let topic = state.topic(&reader.topic, shared.default_partitions);
            topic.partitions.iter().map(|places| places.len() as i64).collect()
        };
        let told: BTreeMap<u32, Told> = {
            let state = shared.lock();
            let all = state.committed.get(&reader.group).into_iter().flatten();
            let ours = all.filter(|((topic, _), _)| *topic == reader.topic);
            ours.map(|((_, partition), told)| (*partition, *told)).collect()
        };
        // Positions are asked for without the lock: they belong to others.
        (subscription.hears)(&told.values().copied().collect::<Vec<_>>())?;
        let (mut next, mut epochs) = (Vec::new(), Vec::new());
        for (partition, &end) in ends.iter().enumerate() {
            let partition = partition as u32;
            let known = (subscription.position)(partition);
            let wanted = known.offset.or(told.get(&partition).map(|told| told.offset));
            let start = wanted.unwrap_or_else(|| match subscription.origin.of(partition) {
                Start::Earliest => 0,
                Start::Latest => end,
                Start::Offset(offset) => offset,
                Start::At(time) => shared.lock().since(&reader.topic, partition, time).unwrap_or(end),
            });
            check_bounds(&reader.topic, partition, start, (0, end))?;
            if wanted.is_none() && subscription.origin.of(partition).moves() {
                let begun = Told { partition, offset: start, by: Some(Mark::BEGINNING) };
                let mut state = shared.lock();
                let committed = state.committed.entry(reader.group.clone()).or_default();
                committed.insert((reader.topic.clone(), partition), begun);
            }
            next.push(start);
            epochs.push(known.epoch);
        }
        let (told, ours) = (vec![None; next.len()], vec![true; next.len()]);
        let (starts, position) = (next.clone(), subscription.position.clone());
        Ok(Cursor { arrival: 0, next, told, starts, epochs, ours, position })
    }

    /// Takes note of a change in the group: what comes back is read from where its positions are.
    fn take_up(&mut self, reader: &Reader) -> Option<Vec<u32>> {
        let given = lock(&reader.given).take()?;
        for (partition, was) in self.ours.iter_mut().enumerate() {
            let is = given.contains(&(partition as u32));
            if is && !std::mem::replace(was, is) {
                lock(&reader.sought).push(partition as u32);
            }
            *was = is;
        }
        Some((0..self.ours.len() as u32).filter(|partition| self.ours[*partition as usize]).collect())
    }

    /// Goes to where the positions are now, in the partitions that were sought.
    fn seek(&mut self, shared: &Shared, reader: &Reader) -> Result<()> {
        for partition in std::mem::take(&mut *lock(&reader.sought)) {
            let at = partition as usize;
            let known = (self.position)(partition);
            let next = known.offset.unwrap_or(self.starts[at]);
            let mut state = shared.lock();
            let places = &state.topic(&reader.topic, shared.default_partitions).partitions[at];
            check_bounds(&reader.topic, partition, next, (0, places.len() as i64))?;
            // Records of other partitions that lie in between are behind their next ones.
            self.arrival = places.get(next as usize).map_or(self.arrival, |place| self.arrival.min(*place));
            drop(state);
            self.next[at] = next;
            self.epochs[at] = known.epoch;
            self.told[at] = None;
        }
        Ok(())
    }

    /// The next records, in the order of arrival, and the partitions that end with them.
    fn advance(&mut self, shared: &Shared, topic: &str) -> (Vec<Incoming>, Vec<(u32, i64)>) {
        let mut state = shared.lock();
        let topic = state.topic(topic, shared.default_partitions);
        let mut records = Vec::new();
        for record in topic.arrivals.iter().skip(self.arrival) {
            if records.len() == BATCH {
                break;
            }
            self.arrival += 1;
            let next = &mut self.next[record.partition as usize];
            if record.offset == *next && self.ours[record.partition as usize] {
                *next += 1;
                let epoch = self.epochs[record.partition as usize];
                records.push(Incoming { epoch, ..record.clone() });
            }
        }
        let mut ends = Vec::new();
        for (partition, places) in topic.partitions.iter().enumerate() {
            let end = places.len() as i64;
            if self.ours[partition] && self.next[partition] == end && self.told[partition] != Some(end) {
                self.told[partition] = Some(end);
                ends.push((partition as u32, end));
            }
        }
        (records, ends)
    }
}

fn no_partition(topic: &str, partition: u32, count: usize) -> Error {
    let text = format!("topic `{topic}` has {count} partitions: there is no {partition}");
    Error::new(ErrorKind::Log, text)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is left half done where these locks are held, so that a panic elsewhere is no reason to stop.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn now() -> Option<i64> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
}

impl Clone for MemoryLog {
    fn clone(&self) -> Self {
        MemoryLog { shared: self.shared.clone(), client: Client::default() }
    }
}

impl Drop for MemoryLog {
    fn drop(&mut self) {
        self.client.close();
    }
}

impl fmt::Debug for MemoryLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryLog").field("topics", &self.shared.lock().topics.len()).finish()
    }
}
