//! What a group's consumer does with what comes: records to lanes, changes of the group, ends, errors, stalls.

use super::admin::Admin;
use super::backlog::Backlog;
use super::ends::Doubt;
use super::marks::Marks;
use super::membership::{Membership, Rebalance, give_back, take_up};
use super::number::number;
use super::parting::Parting;
use super::probe::Probe;
use super::start::Start;
use super::table::{Table, Verdict};
use super::{TARGET, admin};
use crate::error::{Error, ErrorKind};
use crate::log::{Delivery, GroupOffset, Incoming, Known, RawHeaders, check_bounds};
use bytes::Bytes;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How long the poll may stand still for a question that can as well wait.
const BRIEF: Duration = Duration::from_secs(1);

/// How long a lane whose backlog is full is waited for before its topic is paused.
const HOLD: Duration = Duration::from_millis(500);
/// The same where other topics wait with it.
const HOLD_OTHERS: Duration = Duration::from_millis(5);

/// What the lanes need.
pub(super) enum Tended {
    Idle,
    /// One of them has not taken all that there is.
    Behind,
    /// One of them is full: nothing more is to be read for the moment.
    Hold,
}

pub(super) struct Topic {
    pub(super) start: Start,
    pub(super) table: Table,
    pub(super) backlog: Backlog,
}

/// All topics of one consumer.
pub(super) struct Reader {
    pub(super) client: Arc<BaseConsumer<Membership>>,
    pub(super) probe: Probe,
    admin: Arc<Admin>,
    pub(super) topics: Vec<Topic>,
    /// Ends of which it is not known yet whose they are.
    pub(super) doubts: Vec<Doubt>,
    /// When the broker was last asked about them.
    pub(super) settled: Instant,
    /// The topic of the last record, where the next one most likely belongs.
    current: usize,
    /// Since when nothing is read because of a full lane.
    held: Option<Instant>,
    /// What the group was told, and the partitions that it is about to get back.
    parting: Parting,
    /// All that it gets back then.
    gone: TopicPartitionList,
    failed: bool,
}

impl Reader {
    pub(super) fn new(
        client: Arc<BaseConsumer<Membership>>,
        topics: Vec<(Start, mpsc::Sender<Delivery>)>,
        probe: Probe,
        admin: Arc<Admin>,
    ) -> Self {
        let topic =
            |(start, deliver)| Topic { start, table: Table::default(), backlog: Backlog::new(deliver) };
        let topics = topics.into_iter().map(topic).collect();
        Reader {
            client,
            probe,
            admin,
            topics,
            doubts: Vec::new(),
            settled: Instant::now(),
            current: 0,
            held: None,
            parting: Parting::default(),
            gone: TopicPartitionList::new(),
            failed: false,
        }
    }

    /// Takes a record to the lane of its topic.
    pub(super) fn message(&mut self, message: &BorrowedMessage<'_>) {
        let name = message.topic();
        if self.topics.get(self.current).is_none_or(|topic| *topic.start.topic != *name) {
            let Some(at) = self.topics.iter().position(|topic| *topic.start.topic == *name) else { return };
            self.current = at;
        }
        let topic = &mut self.topics[self.current];
        let Ok(partition) = u32::try_from(message.partition()) else { return };
        // A record of a partition that is not ours is dropped.
        let Some(reading) = topic.table.get(partition) else { return };
        match reading.record(message.offset()) {
            Verdict::Take => {
                self.client.context().voice.up();
                let head = Incoming { epoch: reading.epoch, ..head(message, partition) };
                topic.backlog.record(head, message.key(), message.payload());
            }
            Verdict::Drop => {}
            Verdict::SeekBack(_) => self.restart(self.current, partition),
        }
    }

    /// Goes on from where the position of a partition is now. One that is not ours is asked about when it is.
    pub(super) fn seek(&mut self, topic: &str, partition: u32) {
        let Some(at) = self.topics.iter().position(|ours| *ours.start.topic == *topic) else { return };
        let Topic { start, table, .. } = &mut self.topics[at];
        let Some(reading) = table.get(partition) else { return };
        reading.sought((start.position)(partition));
        self.restart(at, partition);
    }

    /// Answers a change of the group; gives it back if the broker is away that must be asked about it.
    pub(super) fn change(&mut self, change: Rebalance) -> Option<Rebalance> {
        match change {
            Rebalance::Revoked(list) => {
                self.part();
                self.resume_all();
                let mut handed = Vec::new();
                for Topic { start, table, backlog } in &mut self.topics {
                    let gone = of_topic(&list, start);
                    let forgotten = backlog.forget(&gone);
                    for &partition in &gone {
                        let Some(taken) = table.get(partition).and_then(|reading| reading.taken()) else {
                            continue;
                        };
                        let next = forgotten.get(&partition).map_or(taken, |first| taken.min(*first));
                        handed.push(((start.topic.clone(), partition), next));
                    }
                    table.revoke(&gone);
                }
                self.gone = list;
                self.parting.begin(handed.into_iter());
                if self.client.assignment_lost() {
                    // They are somebody else's already, and what the group is told now is refused.
                    self.part();
                }
            }
            Rebalance::Assigned(list) => {
                self.part();
                self.resume_all();
                let deadline = Instant::now() + admin::PATIENCE;
                let mut all = Vec::new();
                for topic in &self.topics {
                    let ours = of_topic(&list, &topic.start);
                    let offsets = topic.start.offsets(&self.client, &ours, deadline);
                    if matches!(offsets, Ok(None)) {
                        tracing::warn!(target: TARGET, "no broker says where to begin: it is asked again");
                        return Some(Rebalance::Assigned(list));
                    }
                    all.push(offsets);
                }
                let (mut starts, mut new) = (TopicPartitionList::new(), Vec::new());
                for (topic, begins) in self.topics.iter_mut().zip(all) {
                    let begins = match begins {
                        Ok(begins) => begins.unwrap_or_default(),
                        Err(error) => {
                            topic.backlog.push(Delivery::Failed(error));
                            continue;
                        }
                    };
                    for (&partition, Known { offset, .. }) in &begins.all {
                        let offset = offset.unwrap_or_default();
                        self.parting.begins(&topic.start.topic, partition, offset);
                        // An offset that was checked is representable.
                        let _ = starts.add_partition_offset(
                            &topic.start.topic,
                            number(partition),
                            Offset::Offset(offset),
                        );
                    }
                    topic.table.assign(&begins.all);
                    topic.tell_ours();
                    new.extend(begins.new);
                }
                self.client.context().voice.up();
                self.answer(take_up(&self.client, &starts));
                self.commit(&new);
            }
        }
        None
    }

    /// Gives partitions back that lanes have had time for, if there are any.
    pub(super) fn part(&mut self) {
        if self.parting.end() {
            self.give_back();
        }
    }

    fn give_back(&mut self) {
        let gone = std::mem::take(&mut self.gone);
        // Where others stay nothing else may tell that these are gone.
        self.topics.iter_mut().filter(|topic| topic.table.iter().next().is_some()).for_each(Topic::tell_ours);
        self.answer(give_back(&self.client, &gone));
    }

    /// A partition that is assigned later may still be paused otherwise; what is full is paused again.
    fn resume_all(&mut self) {
        for at in 0..self.topics.len() {
            if self.topics[at].table.paused {
                self.pause(at, false);
            }
        }
    }

    fn answer(&mut self, answer: Result<(), KafkaError>) {
        if let Err(error) = answer {
            self.fail_all(&format!("the group's partitions could not be taken up: {error}"));
        }
    }

    /// Hands on what waits, and pauses and resumes.
    ///
    /// A pause throws away what librdkafka has fetched ahead, and it takes long to get going again (measured: it slowed
    /// a lane of 800 000 records a second down to 55 000). So a lane that only is the slower one is waited for, and
    /// paused is one that stands still.
    pub(super) fn tend(&mut self) -> Tended {
        if self.parting.is_over() {
            self.give_back();
        }
        let (mut behind, mut full, mut others) = (false, Vec::new(), false);
        for at in 0..self.topics.len() {
            let Topic { table, backlog, .. } = &mut self.topics[at];
            backlog.hand_on();
            behind |= !backlog.is_empty();
            if table.iter().next().is_none() {
                continue;
            }
            match (table.paused, backlog.gone() || backlog.is_full(table.paused)) {
                (true, false) => self.pause(at, false),
                (false, true) => full.push(at),
                (true, true) => {}
                (false, false) => others = true,
            }
        }
        if full.is_empty() {
            self.held = None;
            return if behind { Tended::Behind } else { Tended::Idle };
        }
        let held = self.held.get_or_insert_with(Instant::now).elapsed();
        if held < if others { HOLD_OTHERS } else { HOLD } {
            return Tended::Hold;
        }
        self.held = None;
        full.into_iter().for_each(|at| self.pause(at, true));
        Tended::Behind
    }

    pub(super) fn commit(&mut self, offsets: &[GroupOffset]) {
        let mut list = TopicPartitionList::new();
        for told @ GroupOffset { topic, partition, offset, by } in offsets {
            let ours = self.topics.iter_mut().find(|ours| ours.start.topic == *topic);
            let is_ours = ours.is_some_and(|ours| ours.table.get(*partition).is_some());
            if is_ours || self.parting.wants(topic, *partition) {
                self.parting.told(told);
                let mut added = list.add_partition(topic, number(*partition));
                if let Some(by) = by {
                    added.set_metadata(by.to_string());
                }
                if added.set_offset(Offset::Offset(*offset)).is_err() {
                    tracing::warn!(target: TARGET, "topic `{topic}`: {offset} is no offset to commit");
                }
            }
        }
        if list.count() > 0
            && let Err(error) = self.client.commit(&list, CommitMode::Async)
        {
            tracing::warn!(target: TARGET, "the group was not told its position: {error}");
        }
    }

    /// Deals with what librdkafka reports; what passes by itself was logged by the context.
    pub(super) fn error(&mut self, error: &KafkaError) {
        use RDKafkaErrorCode as Code;
        let said = self.client.context().voice.last();
        match error {
            KafkaError::PartitionEOF(partition) => self.end(*partition, &said),
            KafkaError::MessageConsumptionFatal(_) => {
                self.fail_all(&format!("the consumer cannot go on: {said}"));
            }
            KafkaError::MessageConsumption(code) => match code {
                Code::AutoOffsetReset | Code::OffsetOutOfRange => self.out_of_range(&said),
                Code::Fatal
                | Code::Authentication
                | Code::UnknownTopicOrPartition
                | Code::UnknownTopic
                | Code::InvalidSessionTimeout
                | Code::InconsistentGroupProtocol
                | Code::GroupMaxSizeReached
                | Code::TopicAuthorizationFailed
                | Code::GroupAuthorizationFailed => self.fail_all(&format!("{code}: {said}")),
                _ => {}
            },
            _ => tracing::warn!(target: TARGET, "{error}"),
        }
    }

    /// Tells every lane, once, that nothing more comes.
    pub(super) fn fail_all(&mut self, why: &str) {
        if std::mem::replace(&mut self.failed, true) {
            return;
        }
        for topic in &mut self.topics {
            let message = format!("topic `{}`: {why}", topic.start.topic);
            topic.backlog.push(Delivery::Failed(Error::new(ErrorKind::Log, message)));
        }
    }

    /// An offset is wanted that the log does not hold (any more): finds out which.
    fn out_of_range(&mut self, said: &str) {
        let mut found = false;
        let all = self.topics.iter().enumerate();
        let all = all.flat_map(|(at, topic)| topic.table.iter().map(move |(partition, _)| (at, partition)));
        let marks = self.marks(&all.collect::<Vec<_>>()).unwrap_or_default();
        for Topic { start, table, backlog } in &mut self.topics {
            for (partition, reading) in table.iter() {
                let Some(&bounds) = marks.get(&(start.topic.to_string(), partition)) else { continue };
                if let Err(error) = check_bounds(&start.topic, partition, reading.next, bounds) {
                    found = true;
                    backlog.push(Delivery::Failed(error));
                }
            }
        }
        if !found {
            self.fail_all(said);
        }
    }

    /// Looks for partitions that have more than they give, and starts them again.
    pub(super) fn watch(&mut self) {
        let mut suspects = Vec::new();
        for (at, topic) in self.topics.iter_mut().enumerate().filter(|(_, topic)| !topic.table.paused) {
            for (partition, reading) in topic.table.iter_mut() {
                if reading.is_suspect() {
                    suspects.push((at, partition));
                }
            }
        }
        // Without an answer the broker is the trouble, not the partition.
        let Some(marks) = self.marks(&suspects) else { return };
        for (at, partition) in suspects {
            let topic = &mut self.topics[at];
            let name = &topic.start.topic;
            let Some((_, high)) = marks.get(&(name.to_string(), partition)) else { continue };
            let Some(reading) = topic.table.get(partition) else { continue };
            let next = reading.next;
            if *high <= next {
                // It has ended; most likely that was told.
                self.ended(at, partition, next);
                continue;
            }
            let message = format!("topic `{name}`, partition {partition} stalls at offset {next} of {high}");
            tracing::warn!(target: TARGET, "{message}");
            if reading.stalled() {
                self.restart(at, partition);
            } else {
                topic.backlog.push(Delivery::Failed(Error::new(ErrorKind::Log, message)));
            }
        }
    }

    /// Where partitions of these topics begin and end, if the broker says so soon.
    pub(super) fn marks(&self, partitions: &[(usize, u32)]) -> Option<Marks> {
        let named = partitions.iter().map(|&(at, partition)| (&self.topics[at].start.topic, partition));
        self.admin.marks(named, BRIEF).ok()
    }

    /// Pauses or resumes all of a topic's partitions.
    fn pause(&mut self, at: usize, pause: bool) {
        let topic = &mut self.topics[at];
        let mut list = TopicPartitionList::new();
        for (partition, reading) in topic.table.iter_mut() {
            list.add_partition(&topic.start.topic, number(partition));
            reading.restarted();
        }
        topic.table.paused = pause;
        let done = if pause { self.client.pause(&list) } else { self.client.resume(&list) };
        if let Err(error) = done {
            self.fail_all(&format!("its partitions could not be paused or resumed: {error}"));
        }
    }

    /// Reads a partition again from where it should be. The order of the three is what librdkafka survives.
    pub(super) fn restart(&mut self, at: usize, partition: u32) {
        let topic = &mut self.topics[at];
        let Some(reading) = topic.table.get(partition) else { return };
        reading.restarted();
        let (name, next) = (&topic.start.topic, Offset::Offset(reading.next));
        let mut list = TopicPartitionList::new();
        list.add_partition(name, number(partition));
        let done = self
            .client
            .pause(&list)
            .and_then(|()| self.client.seek(name, number(partition), next, BRIEF))
            .and_then(|()| if topic.table.paused { Ok(()) } else { self.client.resume(&list) });
        if let Err(error) = done {
            tracing::warn!(target: TARGET, "topic `{name}`, partition {partition} was not started again: {error}");
        }
    }
}

impl Topic {
    /// Tells the lane which partitions it has by now.
    fn tell_ours(&mut self) {
        let ours = self.table.iter().map(|(partition, _)| partition).collect();
        self.backlog.push(Delivery::Assigned(ours));
    }
}

/// The partitions of a topic in a list, in order.
fn of_topic(list: &TopicPartitionList, start: &Start) -> Vec<u32> {
    let all = list.elements_for_topic(&start.topic);
    let mut all: Vec<u32> = all.iter().filter_map(|of| u32::try_from(of.partition()).ok()).collect();
    all.sort_unstable();
    all
}

/// All of a record but its key and value.
fn head(message: &BorrowedMessage<'_>, partition: u32) -> Incoming {
    Incoming {
        partition,
        offset: message.offset(),
        key: None,
        value: None,
        headers: headers(message),
        timestamp: message.timestamp().to_millis(),
        epoch: 0,
    }
}

fn headers(message: &BorrowedMessage<'_>) -> RawHeaders {
    let Some(headers) = message.headers() else { return RawHeaders::new() };
    let header = |at| {
        // rdkafka panics at a name that is not UTF-8; such a header is left out, and the record is not lost by it.
        let header = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| headers.get(at))).ok()?;
        Some((header.key.to_owned(), header.value.map(Bytes::copy_from_slice)))
    };
    (0..headers.count()).filter_map(header).collect()
}
