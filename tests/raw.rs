//! rdkafka and nothing else: what benchmarks compare with, and what fills and reads topics where the library is judged.

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::ToBytes;
use rdkafka::metadata::MetadataTopic;
use rdkafka::producer::{BaseProducer, BaseRecord};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use slipstream::prelude::*;

/// A client's configuration, for this broker.
pub fn config(servers: &str, settings: &[(&str, &str)]) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers);
    settings.iter().for_each(|(key, value)| {
        config.set(*key, *value);
    });
    config
}

/// Makes topics with so many partitions each.
///
/// # Errors
/// If one of them cannot be made, or is there already.
pub async fn make(servers: &str, topics: &[impl AsRef<str>], partitions: i32) -> Result<()> {
    made(servers, topics, partitions, |_| true).await
}

/// The same where they may be there already.
///
/// # Errors
/// If one of them cannot be made.
pub async fn make_missing(servers: &str, topics: &[impl AsRef<str>], partitions: i32) -> Result<()> {
    made(servers, topics, partitions, |code| code != RDKafkaErrorCode::TopicAlreadyExists).await
}

async fn made(
    servers: &str,
    topics: &[impl AsRef<str>],
    partitions: i32,
    is_wrong: fn(RDKafkaErrorCode) -> bool,
) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> = config(servers, &[]).create()?;
    let new = |topic| NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
    let new: Vec<_> = topics.iter().map(|topic| new(topic.as_ref())).collect();
    let options = AdminOptions::new().operation_timeout(Some(secs(60))).request_timeout(Some(secs(60)));
    let made = admin.create_topics(&new, &options).await?;
    match made.into_iter().filter_map(std::result::Result::err).find(|(_, code)| is_wrong(*code)) {
        Some((topic, code)) => Err(Error::msg(format!("the topic `{topic}` was not made: {code}"))),
        None => Ok(()),
    }
}

/// Gives a record to the producer; waits while its queue is full.
///
/// # Errors
/// If it does not take the record.
pub fn send<K: ToBytes + ?Sized, V: ToBytes + ?Sized>(
    producer: &BaseProducer,
    mut record: BaseRecord<'_, K, V>,
) -> Result<()> {
    while let Err((error, refused)) = producer.send(record) {
        if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
            return Err(error.into());
        }
        record = refused;
        producer.poll(millis(10));
    }
    Ok(())
}

/// A consumer of a whole topic from its beginning on, and how many records there are.
///
/// # Errors
/// If the broker does not answer.
pub fn whole(servers: &str, topic: &str) -> Result<(BaseConsumer, i64)> {
    let settings = [("group.id", "judge"), ("enable.auto.commit", "false"), ("fetch.queue.backoff.ms", "10")];
    let consumer: BaseConsumer = config(servers, &settings).create()?;
    let metadata = consumer.fetch_metadata(Some(topic), secs(10))?;
    let (mut all, mut count) = (TopicPartitionList::new(), 0);
    for partition in metadata.topics().iter().flat_map(MetadataTopic::partitions) {
        count += consumer.fetch_watermarks(topic, partition.id(), secs(10))?.1;
        all.add_partition_offset(topic, partition.id(), Offset::Beginning)?;
    }
    consumer.assign(&all)?;
    Ok((consumer, count))
}
