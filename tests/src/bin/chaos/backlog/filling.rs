//! Makes the topics and fills them, without the library.

use super::wide::TOPICS;
use crate::mixed;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use slipstream::prelude::*;
use slipstream_tests::raw;

/// How many partitions the topic has that is read slowly, and each of many.
const DEEP: i32 = 8;
const WIDE: i32 = 20;

/// So many records, each with so many bytes of text.
pub(super) async fn deep(servers: &str, topic: &str, count: u64, bytes: usize) -> Result<()> {
    let producer = made(servers, &[topic.to_owned()], DEEP).await?;
    let noise: String = (0_u64..).map(|n| format!("{:016x}", mixed(n))).take(2 * bytes / 16 + 1).collect();
    for n in 0..count {
        let text = &noise[mixed(n) as usize % bytes..][..bytes];
        send(&producer, topic, None, n, &format!("{{\"n\":{n},\"text\":\"{text}\"}}"))?;
    }
    Ok(producer.flush(secs(60))?)
}

/// One record in each partition of all the topics.
pub(super) async fn wide(servers: &str, prefix: &str) -> Result<()> {
    let topics: Vec<String> = TOPICS.iter().map(|topic| format!("{prefix}-{topic}")).collect();
    let producer = made(servers, &topics, WIDE).await?;
    for topic in &topics {
        for partition in 0..WIDE {
            send(&producer, topic, Some(partition), 1, "1")?;
        }
    }
    Ok(producer.flush(secs(60))?)
}

async fn made(servers: &str, topics: &[String], partitions: i32) -> Result<BaseProducer> {
    raw::make(servers, topics, partitions).await?;
    Ok(raw::config(servers, &[("enable.idempotence", "true"), ("linger.ms", "5")]).create()?)
}

fn send(producer: &BaseProducer, topic: &str, partition: Option<i32>, key: u64, value: &str) -> Result<()> {
    let key = key.to_be_bytes();
    let mut record = BaseRecord::to(topic).key(&key[..]).payload(value);
    record.partition = partition;
    raw::send(producer, record)
}
