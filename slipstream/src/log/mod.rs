//! The seam that topics run over: a log of partitions that is read from an offset and appended to.
//!
//! Two implementations: [`memory`], deterministic, for examples and tests; and `kafka`, a real broker, by feature.
//! Nothing here knows of handlers, caches or codecs: records are bytes.

#[cfg(test)]
pub(crate) mod conformance;
#[cfg(feature = "kafka")]
pub(crate) mod kafka;
mod mark;
pub(crate) mod memory;
mod partitioner;

pub(crate) use mark::Mark;
pub(crate) use partitioner::murmur2;

use crate::error::{Error, ErrorKind, Result};
use bytes::Bytes;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;

/// Header names with their values, in the order in which they were written; a name may repeat.
pub(crate) type RawHeaders = Vec<(String, Option<Bytes>)>;

/// A record as it was read. Its bytes may lie side by side with others': who keeps them for long copies them.
#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    pub(crate) partition: u32,
    pub(crate) offset: i64,
    pub(crate) key: Option<Bytes>,
    pub(crate) value: Option<Bytes>,
    pub(crate) headers: RawHeaders,
    /// Milliseconds since 1970, UTC.
    pub(crate) timestamp: Option<i64>,
    /// The epoch of its partition, as it was when reading began or went elsewhere.
    pub(crate) epoch: u32,
}

/// A record to be written. Without a partition the key decides, by Kafka's murmur2; without a key, any will do.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: Option<u32>,
    pub(crate) key: Option<Bytes>,
    pub(crate) value: Option<Bytes>,
    pub(crate) headers: RawHeaders,
    /// Milliseconds since 1970, UTC; the log's clock if none.
    pub(crate) timestamp: Option<i64>,
}

impl Outgoing {
    /// Says so if the record is larger than the log takes.
    pub(crate) fn check_size(&self, log: &dyn Log) -> Result<()> {
        let of = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + of(value) + HEADER).sum();
        let (size, largest) = (of(&self.key) + of(&self.value) + headers, log.largest());
        if size <= largest {
            return Ok(());
        }
        let text = format!(
            "a record for the topic `{}` has {size} bytes, and at most {largest} are sent: {LARGER}",
            self.topic
        );
        Err(Error::new(ErrorKind::Codec, text))
    }
}

/// What the lengths of a header's name and value take.
const HEADER: usize = 10;

/// What to do about a record that is too large.
pub(crate) const LARGER: &str =
    "raise `max.message.bytes` of the topic on the broker, and `kafka.message.max.bytes` of the app";

/// Where a record went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) partition: u32,
    pub(crate) offset: i64,
}

/// Is told once for each record what became of it; from any thread, and it must not block. Many records may share one,
/// so that it costs a lane no allocation for each.
#[derive(Clone)]
pub(crate) struct Ack(pub(in crate::log) Arc<Tell>);

type Tell = Box<dyn Fn(Result<Written>) + Send + Sync>;

impl Ack {
    pub(crate) fn new(told: impl Fn(Result<Written>) + Send + Sync + 'static) -> Self {
        Ack(Arc::new(Box::new(told)))
    }

    /// Of one record.
    pub(crate) fn once(told: impl FnOnce(Result<Written>) + Send + 'static) -> Self {
        let told = Mutex::new(Some(told));
        Ack::new(move |result| {
            let told = told.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(told) = told {
                told(result);
            }
        })
    }

    pub(crate) fn tell(&self, result: Result<Written>) {
        (self.0)(result);
    }
}

/// Is told whether records are not delivered at the moment.
pub(crate) type Stalled = Box<dyn Fn(bool) + Send + Sync>;

/// Where a reader starts in a partition of which neither the store nor the group knows a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Earliest,
    Latest,
    /// At these offsets, by partition; at the earliest in others.
    Offsets(&'static [(u32, i64)]),
    /// At the first record of this time or later, in milliseconds since 1970, UTC; at the end if there is none.
    At(i64),
}

impl Origin {
    /// The same for one partition.
    fn of(self, partition: u32) -> Start {
        match self {
            Origin::Earliest => Start::Earliest,
            Origin::Latest => Start::Latest,
            Origin::Offsets(offsets) => {
                let found = offsets.iter().find(|(of, _)| *of == partition);
                found.map_or(Start::Earliest, |(_, offset)| Start::Offset(*offset))
            }
            Origin::At(time) => Start::At(time),
        }
    }
}

impl Start {
    /// Whether it would be another place at another time, so that a group that has begun there must be told.
    fn moves(&self) -> bool {
        matches!(self, Start::Latest | Start::At(_))
    }
}

/// Where a reader starts in one partition.
enum Start {
    Earliest,
    Latest,
    Offset(i64),
    At(i64),
}

/// What the store knows of a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// The offset to read next, if there is a position.
    pub(crate) offset: Option<i64>,
    /// The number of the seek that moved it last; what is read from here has it.
    pub(crate) epoch: u32,
}

/// Tells what the store knows of a partition.
pub(crate) type Position = Arc<dyn Fn(u32) -> Known + Send + Sync>;

/// What a group was told last of a partition: the offset to read next, and by whom, if that was one of us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) partition: u32,
    pub(crate) offset: i64,
    pub(crate) by: Option<Mark>,
}

/// Hears what the group knows of partitions that are taken up; an error is why they cannot be.
pub(crate) type Hears = Arc<dyn Fn(&[Told]) -> Result<()> + Send + Sync>;

/// What a lane wants to read: one topic, all the partitions that this process is given.
pub(crate) struct Subscription {
    pub(crate) topic: Arc<str>,
    pub(crate) origin: Origin,
    /// Where to read next. Asked each time that a partition is taken up, and after a seek.
    pub(crate) position: Position,
    /// Is told before a partition is taken up, and then the position is asked for.
    pub(crate) hears: Hears,
    /// Bounded: when it is full the reader waits, without leaving the group.
    pub(crate) deliver: mpsc::Sender<Delivery>,
}

/// What a subscription is given.
#[derive(Debug)]
pub(crate) enum Delivery {
    /// The partitions that are read from here on, each from its position as it was asked now; what came before is over.
    /// A record that was under way to the lane meanwhile comes again.
    Assigned(Vec<u32>),
    /// Records, in order within each partition.
    Records(Vec<Incoming>),
    /// Everything before this offset has been delivered, and nothing was there at the time.
    End { partition: u32, offset: i64, epoch: u32 },
    /// The reader cannot go on by itself.
    Failed(crate::error::Error),
}

/// A group's position: the offset of the next record to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GroupOffset {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: u32,
    pub(crate) offset: i64,
    /// The commit that it is of.
    pub(crate) by: Option<Mark>,
}

/// A log of topics. Its calls may block for the time of a round trip (`partitions`, `ends`, `subscribe`, `close`), so
/// that they are made on a thread where that is allowed; `produce` and `commit` never block.
pub(crate) trait Log: Send + Sync + 'static {
    /// How many partitions the topic has; `None` if it does not exist.
    fn partitions(&self, topic: &str) -> Result<Option<u32>>;

    /// Makes a topic if it does not exist.
    fn create(&self, topic: &str, partitions: u32) -> Result<()>;

    /// The offsets that the next records will get, by partition.
    fn ends(&self, topic: &str) -> Result<Vec<i64>>;

    /// The oldest offset that a partition holds, and the one that its next record will get.
    fn bounds(&self, topic: &str, partition: u32) -> Result<(i64, i64)>;

    /// Goes on reading a partition from where its position is now, or from where it began if it has none. Does not wait.
    fn reread(&self, topic: &str, partition: u32);

    /// Starts to read as a member of the group: all subscriptions by one consumer. It reads until `close`.
    fn subscribe(&self, group: &str, subscriptions: Vec<Subscription>) -> Result<()>;

    /// Appends a record, in order with those before it to the same partition.
    fn produce(&self, record: Outgoing, ack: Ack);

    /// How many records are under way.
    fn in_flight(&self) -> usize;

    /// Whether more may be under way; lanes wait for it before their next step.
    fn has_room(&self) -> bool;

    /// How many bytes a record may have, in its key, value and headers.
    fn largest(&self) -> usize;
    /// Tells whenever records are under way and none is delivered any more (`true`), and when that is over. It tells from
    /// any thread, and must not be held up.
    fn on_stall(&self, _tell: Stalled) {}

    /// Hands pending records to the network at once instead of lingering.
    fn flush(&self);

    /// Tells the group how far it is; a hint for tools where the store keeps the positions.
    fn commit(&self, offsets: &[GroupOffset]);

    /// Ends reading and writing, within the deadline; what is under way is delivered first.
    fn close(&self, deadline: std::time::Duration);
}

/// Says so if an offset is none that the log could give.
pub(crate) fn check_bounds(topic: &str, partition: u32, wanted: i64, (first, end): (i64, i64)) -> Result<()> {
    if (first..=end).contains(&wanted) {
        return Ok(());
    }
    let message = format!(
        "topic `{topic}`, partition {partition}: offset {wanted} is wanted, but the log holds {first} to {end}"
    );
    Err(Error::new(ErrorKind::Log, message))
}
