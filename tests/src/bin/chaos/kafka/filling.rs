//! Makes the topics, and fills the input: the nth message has the value n.

use super::{Place, key};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use slipstream::prelude::*;
use std::ops::Range;
use std::time::Instant;

const PARTITIONS: i32 = 4;

pub(super) async fn make(place: &Place) -> Result<()> {
    let admin: AdminClient<DefaultClientContext> = config(place).create()?;
    let names = [place.input(), place.output()];
    let new = names.each_ref().map(|name| NewTopic::new(name, PARTITIONS, TopicReplication::Fixed(1)));
    let options = AdminOptions::new().operation_timeout(Some(secs(10)));
    for made in admin.create_topics(&new, &options).await? {
        match made {
            // A worker may have been here first.
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => {
                return Err(Error::msg(format!("the topic `{topic}` was not made: {code}")));
            }
        }
    }
    Ok(())
}

/// Sends the messages of this range, so many a second; all at once if the rate is 0. It waits for a broker that is away.
pub(super) fn fill(place: &Place, seed: u64, messages: Range<u64>, rate: u64) -> Result<()> {
    let mut config = config(place);
    config.set("enable.idempotence", "true").set("message.timeout.ms", "0").set("linger.ms", "5");
    config.set("partitioner", "murmur2_random").set("reconnect.backoff.max.ms", "500");
    let producer: BaseProducer = config.create()?;
    let (topic, begun) = (place.input(), Instant::now());
    for n in messages.clone() {
        let (key, value) = (format!("key-{}", key(seed, n)), n.to_string());
        let mut record = BaseRecord::to(&topic).key(&key).payload(&value);
        while let Err((error, refused)) = producer.send(record) {
            if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
                return Err(error.into());
            }
            record = refused;
            producer.poll(millis(10));
        }
        let due = (n - messages.start) * 1000;
        while rate > 0 && begun.elapsed().as_millis() < u128::from(due / rate) {
            producer.poll(millis(1));
        }
    }
    while producer.in_flight_count() > 0 {
        producer.poll(millis(10));
    }
    Ok(())
}

fn config(place: &Place) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &place.servers);
    config
}
