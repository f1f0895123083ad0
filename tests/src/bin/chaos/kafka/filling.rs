//! Makes the topics, and fills the input: the nth message has the value n.

use super::{Place, key};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use slipstream::prelude::*;
use slipstream_tests::raw;
use std::ops::Range;
use std::time::Instant;

const PARTITIONS: i32 = 4;

/// Makes the topics; a worker may have been here first.
pub(super) async fn make(place: &Place) -> Result<()> {
    raw::make_missing(&place.servers, &[place.input(), place.output()], PARTITIONS).await
}

/// Sends the messages of this range, so many a second; all at once if the rate is 0. It waits for a broker that is away.
pub(super) fn fill(place: &Place, seed: u64, messages: Range<u64>, rate: u64) -> Result<()> {
    let settings = [
        ("enable.idempotence", "true"),
        ("message.timeout.ms", "0"),
        ("linger.ms", "5"),
        ("partitioner", "murmur2_random"),
        ("reconnect.backoff.max.ms", "500"),
    ];
    let producer: BaseProducer = raw::config(&place.servers, &settings).create()?;
    let (topic, begun) = (place.input(), Instant::now());
    for n in messages.clone() {
        let (key, value) = (format!("key-{}", key(seed, n)), n.to_string());
        raw::send(&producer, BaseRecord::to(&topic).key(&key).payload(&value))?;
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
