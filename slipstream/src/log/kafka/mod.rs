//! Topics on a Kafka broker, through librdkafka.
//!
//! One producer writes, on [`producer`]'s thread; each `subscribe` has one consumer, on [`consumer`]'s thread. What is
//! read goes through [`reader`] and a [`backlog`] to the lanes. Nothing here waits for a lane.

mod admin;
mod backlog;
mod batch;
mod consumer;
mod context;
mod ends;
mod marks;
mod membership;
mod number;
mod parting;
mod probe;
mod producer;
mod producers;
mod reader;
mod settings;
mod start;
mod table;
#[cfg(test)]
mod tests;

use super::{Ack, GroupOffset, Log, Outgoing, Stalled, Subscription};
use crate::error::{Error, ErrorKind, Result};
use admin::Admin;
use consumer::Consumer;
use context::Voice;
use membership::Membership;
use producers::Producers;
use settings::Settings;
pub(crate) use settings::TopicSettings;
use start::Start;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Where librdkafka's log goes.
const TARGET: &str = "slipstream::kafka";

/// A log on a broker.
pub(crate) struct KafkaLog {
    settings: Settings,
    voice: Voice,
    admin: Arc<Admin>,
    producers: Arc<Producers>,
    /// None when it is closed.
    consumers: Mutex<Option<Vec<Consumer>>>,
}

impl KafkaLog {
    /// Makes the clients, by librdkafka's own settings, and by those of topics, by their names on the broker. The broker is
    /// not asked anything yet.
    pub(crate) fn connect(given: BTreeMap<String, String>, topics: TopicSettings) -> Result<Self> {
        let settings = Settings::new(given, topics)?;
        let voice = Voice::new(settings.secrets());
        let admin = Arc::new(Admin::new(&settings, &voice)?);
        let spoken_to = admin.clone();
        let producers = Arc::new(Producers::new(&settings, &voice, move || spoken_to.poll())?);
        Ok(KafkaLog { settings, voice, admin, producers, consumers: Mutex::new(Some(Vec::new())) })
    }

    fn consumers(&self) -> MutexGuard<'_, Option<Vec<Consumer>>> {
        self.consumers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log for KafkaLog {
    fn partitions(&self, topic: &str) -> Result<Option<u32>> {
        self.admin.partitions(topic)
    }

    fn create(&self, topic: &str, partitions: u32) -> Result<()> {
        self.admin.create(&self.settings, topic, partitions)
    }

    fn ends(&self, topic: &str) -> Result<Vec<i64>> {
        self.admin.ends(topic)
    }

    fn bounds(&self, topic: &str, partition: u32) -> Result<(i64, i64)> {
        self.admin.bounds(topic, partition)
    }

    fn reread(&self, topic: &str, partition: u32) {
        self.consumers().iter().flatten().for_each(|consumer| consumer.seek(topic, partition));
    }

    fn subscribe(&self, group: &str, subscriptions: Vec<Subscription>) -> Result<()> {
        if subscriptions.is_empty() {
            return Ok(());
        }
        let mut unknown = Vec::new();
        for (at, Subscription { topic, .. }) in subscriptions.iter().enumerate() {
            if subscriptions[..at].iter().any(|before| before.topic == *topic) {
                let message = format!("group `{group}` cannot read topic `{topic}` twice by one consumer");
                return Err(Error::new(ErrorKind::Log, message));
            }
            if self.admin.partitions(topic)?.is_none() {
                unknown.push(&**topic);
            }
        }
        if !unknown.is_empty() {
            return Err(admin::unknown(&unknown, self.settings.servers()));
        }
        let mut topics = Vec::new();
        for subscription in subscriptions {
            topics.push((Start::of(&subscription, &self.admin)?, subscription.deliver));
        }
        let mut consumers = self.consumers();
        let Some(consumers) = consumers.as_mut() else {
            return Err(Error::new(ErrorKind::Log, format!("group `{group}`: the log is closed")));
        };
        let membership = Membership::new(self.voice.another());
        let beside = (self.producers.clone(), self.admin.clone());
        consumers.push(Consumer::start(&self.settings, membership, group, topics, beside)?);
        Ok(())
    }

    fn produce(&self, record: Outgoing, ack: Ack) {
        self.producers.produce(record, ack);
    }

    fn in_flight(&self) -> usize {
        self.producers.in_flight()
    }

    fn has_room(&self) -> bool {
        self.producers.has_room()
    }

    fn largest(&self) -> usize {
        self.settings.largest()
    }

    fn on_stall(&self, tell: Stalled) {
        self.producers.on_stall(tell);
    }

    /// Does nothing: through rdkafka there is no way to end librdkafka's lingering early, and it is a few milliseconds.
    fn flush(&self) {}

    fn commit(&self, offsets: &[GroupOffset]) {
        self.consumers().iter().flatten().for_each(|consumer| consumer.commit(offsets));
    }

    fn close(&self, deadline: Duration) {
        let deadline = Instant::now() + deadline;
        let consumers = self.consumers().take().unwrap_or_default();
        self.admin.close();
        // They leave the group while the producer finishes.
        consumers.iter().for_each(|consumer| consumer.close(deadline));
        self.producers.close(deadline);
        consumers.iter().for_each(|consumer| consumer.wait(deadline));
    }
}

/// Ends the threads, in the background.
impl Drop for KafkaLog {
    fn drop(&mut self) {
        self.close(Duration::ZERO);
    }
}

impl fmt::Debug for KafkaLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaLog").field("settings", &self.settings).finish_non_exhaustive()
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<()> {
    let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(run);
    spawned
        .map(drop)
        .map_err(|error| Error::caused(ErrorKind::Log, format!("thread `{name}` cannot start"), error))
}
