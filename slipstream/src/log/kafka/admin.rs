//! Questions about topics, and making them.

use super::context::Voice;
use super::marks::{Marks, marks};
use super::number::number;
use super::settings::{self, Settings};
use crate::error::{Error, ErrorKind, Result};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::metadata::MetadataTopic;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// How long a broker may take to answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait before asking again for what the brokers have not agreed on yet.
const AGAIN: Duration = Duration::from_millis(50);

/// A client that only asks. It is a consumer, since a producer that asks for a topic makes it.
pub(super) struct Admin {
    asker: BaseConsumer<Voice>,
    voice: Voice,
    servers: String,
}

impl Admin {
    pub(super) fn new(settings: &Settings, voice: &Voice) -> Result<Self> {
        let voice = voice.another();
        let asker = settings::client(&settings.consumer(None), voice.clone())?;
        Ok(Admin { asker, voice, servers: settings.servers().to_owned() })
    }

    /// Lets librdkafka say what it has to say.
    pub(super) fn poll(&self) {
        while self.asker.poll(Duration::ZERO).is_some() {}
    }

    pub(super) fn partitions(&self, topic: &str) -> Result<Option<u32>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let metadata = self.asker.fetch_metadata(Some(topic), left).map_err(|e| self.failed(topic, e))?;
            let found = metadata.topics().iter().find(|found| found.name() == topic);
            let error = found.and_then(MetadataTopic::error).map(RDKafkaErrorCode::from);
            match (found, error) {
                (Some(found), None) if !found.partitions().is_empty() => {
                    return Ok(u32::try_from(found.partitions().len()).ok());
                }
                (_, Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic)) => {
                    return Ok(None);
                }
                (_, None | Some(RDKafkaErrorCode::LeaderNotAvailable)) if Instant::now() < deadline => {
                    std::thread::sleep(AGAIN);
                }
                (_, error) => {
                    let error = error.unwrap_or(RDKafkaErrorCode::OperationTimedOut);
                    return Err(self.failed(topic, KafkaError::MetadataFetch(error)));
                }
            }
        }
    }

    pub(super) fn ends(&self, topic: &str) -> Result<Vec<i64>> {
        let Some(count) = self.partitions(topic)? else { return Err(unknown(&[topic], &self.servers)) };
        let all = (0..count).map(|partition| (topic, partition));
        let marks = self.marks(all, PATIENCE).map_err(|error| self.failed(topic, error))?;
        Ok(marks.into_values().map(|(_, end)| end).collect())
    }

    /// Asks by a connection of its own, on which nobody waits for records.
    pub(super) fn marks(
        &self,
        partitions: impl IntoIterator<Item = (impl AsRef<str>, u32)>,
        patience: Duration,
    ) -> KafkaResult<Marks> {
        marks(&self.asker, partitions, patience)
    }

    pub(super) fn bounds(&self, topic: &str, partition: u32) -> Result<(i64, i64)> {
        match self.partitions(topic)? {
            None => Err(unknown(&[topic], &self.servers)),
            Some(count) if partition >= count => {
                let text = format!("topic `{topic}` has {count} partitions: there is no {partition}");
                Err(Error::new(ErrorKind::Log, text))
            }
            Some(_) => {
                let marks = self.asker.fetch_watermarks(topic, number(partition), PATIENCE);
                marks.map_err(|error| self.failed(topic, error))
            }
        }
    }

    pub(super) fn create(&self, settings: &Settings, topic: &str, partitions: u32) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let client: AdminClient<_> = settings::client(&settings.producer(None), self.voice.another())?;
        // The broker knows how often a topic is to be stored if nobody says.
        let copies = settings.copies(topic)?.unwrap_or(-1);
        let mut new = NewTopic::new(topic, number(partitions), TopicReplication::Fixed(copies));
        for (key, value) in settings.made_with(topic) {
            new = new.set(key, value);
        }
        let options = AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE));
        let answer = block_on(client.create_topics([&new], &options), deadline + Duration::from_secs(1))
            .unwrap_or(Err(KafkaError::AdminOp(RDKafkaErrorCode::OperationTimedOut)))
            .map_err(|error| self.failed(topic, error))?;
        for result in answer {
            match result {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((_, code)) => {
                    let text =
                        format!("the topic `{topic}` cannot be made by its `topic.NAME.create.*`: {code}");
                    return Err(Error::new(ErrorKind::Log, text));
                }
            }
        }
        // The brokers may not know of it all at once.
        while Instant::now() < deadline {
            match self.partitions(topic)? {
                None => std::thread::sleep(AGAIN),
                Some(found) if found == partitions => return Ok(()),
                Some(found) => {
                    let message = format!("topic `{topic}` exists with {found} partitions, not {partitions}");
                    return Err(Error::new(ErrorKind::Log, message));
                }
            }
        }
        Err(self.failed(topic, KafkaError::MetadataFetch(RDKafkaErrorCode::OperationTimedOut)))
    }

    /// What went wrong, where, and what librdkafka said about it.
    fn failed(&self, topic: &str, error: KafkaError) -> Error {
        // The reason waits in the queue.
        self.poll();
        let last = self.voice.last();
        let said = if last.is_empty() { format!(" ({error})") } else { format!(" ({last})") };
        let message = format!("topic `{topic}`: the broker at {} could not be asked{said}", self.servers);
        Error::caused(ErrorKind::Log, message, error)
    }
}

pub(super) fn unknown(topics: &[&str], servers: &str) -> Error {
    let topics = topics.iter().map(|topic| format!("`{topic}`")).collect::<Vec<_>>().join(", ");
    let message =
        format!("the broker at {servers} has no topic {topics}: create it first, with its partitions");
    Error::new(ErrorKind::Log, message)
}

/// Waits for a future on this thread, whatever runtime it may belong to.
fn block_on<T>(future: impl Future<Output = T>, deadline: Instant) -> Option<T> {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return Some(output);
        }
        let left = deadline.checked_duration_since(Instant::now())?;
        std::thread::park_timeout(left);
    }
}
