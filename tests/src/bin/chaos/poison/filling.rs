//! Fills the topic. Each record has its number and its kind in headers, and one header without a value.

use super::kinds::{KINDS, good, key};
use super::{RARE, mixed};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use slipstream::prelude::*;
use slipstream_tests::raw;

const PARTITIONS: i32 = 4;

/// The number of a record, and the name of its kind: `good`, or one of the poison's.
pub(super) const NUMBER: &str = "n";
pub(super) const KIND: &str = "kind";

pub(super) async fn run(servers: &str, topic: &str, seed: u64, count: u64) -> Result<()> {
    raw::make(servers, &[topic], PARTITIONS).await?;
    let settings = [("enable.idempotence", "true"), ("linger.ms", "5"), ("message.max.bytes", "2000000")];
    let producer: BaseProducer = raw::config(servers, &settings).create()?;
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
        raw::send(&producer, record)?;
    }
    Ok(producer.flush(secs(60))?)
}
