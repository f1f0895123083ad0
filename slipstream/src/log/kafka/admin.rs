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
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// How long a broker may take to answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
/// How long one question is waited for: so late a caller learns that nobody waits any more.
const ATTEMPT: Duration = Duration::from_secs(1);
/// How long to wait before asking again for what the brokers have not agreed on yet.
const AGAIN: Duration = Duration::from_millis(50);
/// How often it is said that a broker is waited for.
const REMIND: Duration = Duration::from_secs(30);

/// A client that only asks. It is a consumer, since a producer that asks for a topic makes it.
pub(super) struct Admin {
    asker: BaseConsumer<Voice>,
    voice: Voice,
    servers: String,
    closed: AtomicBool,
}

impl Admin {
    pub(super) fn new(settings: &Settings, voice: &Voice) -> Result<Self> {
        let voice = voice.another();
        let asker = settings::client(&settings.consumer(None), voice.clone())?;
        Ok(Admin { asker, voice, servers: settings.servers().to_owned(), closed: AtomicBool::new(false) })
    }

    /// Lets librdkafka say what it has to say.
    pub(super) fn poll(&self) {
        while self.asker.poll(Duration::ZERO).is_some() {}
    }

    /// Nobody waits for an answer any more.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Asks until there is an answer. A broker that is away is waited for, since nothing can go on without it; so is one
    /// that has just come, and does not know everything yet.
    fn patiently<T>(&self, topic: &str, mut ask: impl FnMut() -> KafkaResult<T>) -> Result<T> {
        let mut told: Option<Instant> = None;
        loop {
            let error = match ask() {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            self.poll(); // why it is so waits in the queue
            if !is_away(&error) || self.voice.refused() || self.closed.load(Ordering::Acquire) {
                return Err(self.failed(topic, error));
            }
            if told.is_none_or(|told| told.elapsed() > REMIND) {
                let (servers, last) = (&self.servers, self.voice.last());
                tracing::warn!(target: super::TARGET, "waiting for a broker: none answers at {servers} ({last})");
                told = Some(Instant::now());
            }
            std::thread::sleep(AGAIN);
        }
    }

    pub(super) fn partitions(&self, topic: &str) -> Result<Option<u32>> {
        self.patiently(topic, || {
            let metadata = self.asker.fetch_metadata(Some(topic), ATTEMPT)?;
            let found = metadata.topics().iter().find(|found| found.name() == topic);
            match (found, found.and_then(MetadataTopic::error).map(RDKafkaErrorCode::from)) {
                (Some(found), None) if !found.partitions().is_empty() => {
                    Ok(u32::try_from(found.partitions().len()).ok())
                }
                (_, Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic)) => {
                    Ok(None)
                }
                (_, error) => {
                    let error = error.unwrap_or(RDKafkaErrorCode::LeaderNotAvailable);
                    Err(KafkaError::MetadataFetch(error))
                }
            }
        })
    }

    pub(super) fn ends(&self, topic: &str) -> Result<Vec<i64>> {
        let Some(count) = self.partitions(topic)? else { return Err(unknown(&[topic], &self.servers)) };
        let all = (0..count).map(|partition| (topic, partition));
        let marks = self.patiently(topic, || self.marks(all.clone(), ATTEMPT))?;
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
                self.patiently(topic, || self.asker.fetch_watermarks(topic, number(partition), ATTEMPT))
            }
        }
    }

    pub(super) fn create(&self, settings: &Settings, topic: &str, partitions: u32) -> Result<()> {
        let client: AdminClient<_> = settings::client(&settings.producer(None), self.voice.another())?;
        // The broker knows how often a topic is to be stored if nobody says.
        let copies = settings.copies(topic)?.unwrap_or(-1);
        let mut new = NewTopic::new(topic, number(partitions), TopicReplication::Fixed(copies));
        for (key, value) in settings.made_with(topic) {
            new = new.set(key, value);
        }
        let options = AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE));
        let mut refused = None;
        self.patiently(topic, || {
            let made = client.create_topics([&new], &options);
            let made = block_on(made, Instant::now() + PATIENCE + Duration::from_secs(1));
            let code = match made {
                Some(Ok(results)) => results.into_iter().find_map(Result::err).map(|(_, code)| code),
                Some(Err(KafkaError::AdminOp(code))) => Some(code),
                Some(Err(error)) => return Err(error),
                None => Some(RDKafkaErrorCode::OperationTimedOut),
            };
            match code {
                None | Some(RDKafkaErrorCode::TopicAlreadyExists) => Ok(()),
                Some(code) if is_away(&KafkaError::Global(code)) => Err(KafkaError::Global(code)),
                Some(code) => {
                    refused = Some(code);
                    Ok(())
                }
            }
        })?;
        if let Some(code) = refused {
            let text = format!("the topic `{topic}` cannot be made by its `topic.NAME.create.*`: {code}");
            return Err(Error::new(ErrorKind::Log, text));
        }
        // The brokers may not know of it all at once.
        let deadline = Instant::now() + PATIENCE;
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

/// Whether the brokers are out of reach, or not ready to answer; nothing is wrong with what was asked.
pub(super) fn is_away(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::BrokerTransportFailure
                | Code::AllBrokersDown
                | Code::Resolve
                | Code::OperationTimedOut
                | Code::TimedOutQueue
                | Code::WaitingForCoordinator
                | Code::RequestTimedOut
                | Code::NetworkException
                | Code::BrokerNotAvailable
                | Code::LeaderNotAvailable
                | Code::NotLeaderForPartition
                | Code::CoordinatorLoadInProgress
                | Code::CoordinatorNotAvailable
                | Code::NotCoordinator
        )
    )
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
