//! Fills the topic. Each record has its number and its kind in headers, and one header without a value.

use super::kinds::{KINDS, good, key};
use super::{RARE, mixed};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use slipstream::prelude::*;

const PARTITIONS: i32 = 4;

/// The number of a record, and the name of its kind: `good`, or one of the poison's.
pub(super) const NUMBER: &str = "n";
pub(super) const KIND: &str = "kind";

pub(super) async fn run(servers: &str, topic: &str, seed: u64, count: u64) -> Result<()> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers).set("enable.idempotence", "true").set("linger.ms", "5");
    config.set("message.max.bytes", "2000000");
    let admin: AdminClient<DefaultClientContext> = config.create()?;
    let new = NewTopic::new(topic, PARTITIONS, TopicReplication::Fixed(1));
    for made in admin.create_topics([&new], &AdminOptions::new().operation_timeout(Some(secs(10)))).await? {
        made.map_err(|(topic, code)| Error::msg(format!("the topic `{topic}` was not made: {code}")))?;
    }
    let producer: BaseProducer = config.create()?;
    let mut poison = 0;
    for n in 0..count {
        let (name, (key, value)) = if mixed(seed << 40 ^ n).is_multiple_of(RARE) {
            poison += 1;
            let kind = &KINDS[poison % KINDS.len()];
            (kind.name, (kind.record)(n))
        } else {
            ("good", (Some(key(n)), Some(good(n))))
        };
        let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic);
        (record.key, record.payload) = (key.as_deref(), value.as_deref());
        let headers = OwnedHeaders::new().insert(Header { key: NUMBER, value: Some(&n.to_string()) });
        let headers = headers.insert(Header { key: KIND, value: Some(name) });
        record = record.headers(headers.insert(Header::<&str> { key: "nothing", value: None }));
        while let Err((error, refused)) = producer.send(record) {
            if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
                return Err(error.into());
            }
            record = refused;
            producer.poll(millis(10));
        }
    }
    Ok(producer.flush(secs(60))?)
}
