//! What the benchmarks on a broker compare with: rdkafka and nothing else, with the settings that made it fastest here.

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::ToBytes;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{Offset, TopicPartitionList};
use slipstream::Config;
use slipstream_tests::raw;
use std::time::Duration;

pub(crate) const PARTITIONS: i32 = 4;

/// What could stand in place of a default of our client, or of librdkafka's where we have none: `defaults` measures each.
pub(crate) const ALTERNATIVES: [(&str, &str); 15] = [
    ("fetch.queue.backoff.ms", "1000"),
    ("fetch.queue.backoff.ms", "1"),
    ("fetch.wait.max.ms", "500"),
    ("fetch.wait.max.ms", "10"),
    ("queued.max.messages.kbytes", "65536"),
    ("queued.max.messages.kbytes", "4096"),
    ("fetch.message.max.bytes", "4000000"),
    ("linger.ms", "0"),
    ("linger.ms", "50"),
    ("compression.type", "none"),
    ("queue.buffering.max.messages", "500000"),
    ("queue.buffering.max.messages", "10000"),
    ("queue.buffering.max.kbytes", "1048576"),
    ("batch.size", "100000"),
    ("session.timeout.ms", "45000"),
];

/// Our client's settings, changed by these.
pub(crate) fn changed(config: Config, changes: &[(&str, &str)]) -> Config {
    changes.iter().fold(config, |config, (name, value)| config.set(format!("kafka.{name}"), *value))
}

/// A broker, and names that no other run has.
pub(crate) struct Bench {
    pub(crate) servers: String,
    run: String,
}

impl Bench {
    /// The broker that `cargo xtask bench` has started.
    pub(crate) fn new() -> Self {
        let servers = std::env::var("SLIPSTREAM_TEST_KAFKA");
        let servers = servers.expect("SLIPSTREAM_TEST_KAFKA names a broker: `cargo xtask bench` sets it");
        let now = chrono::Utc::now().timestamp_millis();
        Bench { servers, run: format!("{}-{now}", std::process::id()) }
    }

    pub(crate) fn name(&self, of: &str) -> String {
        format!("{of}-{}", self.run)
    }

    /// Makes a topic of this name.
    pub(crate) async fn topic(&self, of: &str) -> String {
        let name = self.name(of);
        raw::make(&self.servers, &[&name], PARTITIONS).await.unwrap();
        name
    }

    /// A consumer of all partitions, from there on.
    pub(crate) fn consumer(&self, topic: &str, from: Offset, settings: &[(&str, &str)]) -> BaseConsumer {
        let always = [("group.id", "bare"), ("enable.auto.commit", "false")];
        let consumer: BaseConsumer =
            raw::config(&self.servers, &[&always, settings].concat()).create().unwrap();
        let mut partitions = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            partitions.add_partition_offset(topic, partition, from).unwrap();
        }
        consumer.assign(&partitions).unwrap();
        consumer
    }

    pub(crate) fn producer(&self, settings: &[(&str, &str)]) -> BaseProducer {
        raw::config(&self.servers, settings).create().unwrap()
    }
}

/// Gives a record to the producer; waits while its queue is full.
pub(crate) fn send<K: ToBytes + ?Sized, V: ToBytes + ?Sized>(
    producer: &BaseProducer,
    topic: &str,
    key: &K,
    value: &V,
) {
    raw::send(producer, BaseRecord::to(topic).key(key).payload(value)).unwrap();
}

pub(crate) fn flush(producer: &BaseProducer) {
    producer.flush(Duration::from_secs(60)).unwrap();
}
