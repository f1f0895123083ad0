//! Where reading starts: by offset, until a position is known.

use super::{Place, ended, outside};
use slipstream::prelude::*;
use slipstream::testing::Output;

static NUMBERS: Topic<String, u64> =
    Topic::new("from-offsets").partitions(2).start(Start::Offsets(&[(0, 3), (1, 0)])).until_end();
static SEEN: Output<u64> = Output::new("seen from offsets");

#[handle(source = NUMBERS, sink = [SEEN])]
fn read(n: u64) -> u64 {
    n
}

async fn send(place: &Place, numbers: std::ops::Range<u64>) {
    let key = (0..).map(|n| format!("key{n}")).find(|key| partition(key) == 0).unwrap();
    outside(place, async {
        for n in numbers {
            let receipt = NUMBERS.send((key.clone(), n)).await?.expect("outside of a handler there is one");
            assert_eq!((receipt.partition, receipt.offset), (0, n as i64));
        }
        Ok(())
    })
    .await;
}

/// Of two, by Kafka's murmur2: these keys were sent to a broker.
fn partition(key: &str) -> u32 {
    ["key1", "key2", "key4"].iter().all(|of_0| *of_0 != key).into()
}

static NOWHERE: Topic<String, u64> =
    Topic::new("from-nowhere").partitions(2).start(Start::Offsets(&[(1, 0), (2, 0)]));

#[handle(source = NOWHERE)]
fn never(_: u64) {}

pub(crate) async fn an_offset_is_where_reading_starts_once(place: Place) {
    send(&place, 0..5).await;
    assert_eq!(ended(place().handler(read)).await.drain(&SEEN).unwrap(), [3, 4]);
    send(&place, 5..7).await;
    assert_eq!(ended(place().handler(read)).await.drain(&SEEN).unwrap(), [5, 6]);
    let error = place().handler(never).start().await.err().expect("it has no partition 2");
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("of its 2 partitions 2 is not there"), "{error}");
}

static LATE: Topic<String, u64> = Topic::new("from-the-latest").partitions(2).until_end();
static SEEN_LATE: Output<u64> = Output::new("seen from the latest");

#[handle(source = LATE, sink = [SEEN_LATE])]
fn read_late(n: u64) -> u64 {
    n
}

async fn send_late(place: &Place, n: u64) {
    outside(place, async { LATE.send(("key".to_owned(), n)).await.map(drop) }).await;
}

/// What comes while it is down is not before its beginning.
pub(crate) async fn who_began_at_the_latest_and_has_seen_nothing_goes_on_there(place: Place) {
    send_late(&place, 1).await;
    assert_eq!(ended(place().handler(read_late)).await.drain(&SEEN_LATE).unwrap(), [0; 0]);
    send_late(&place, 2).await;
    assert_eq!(ended(place().handler(read_late)).await.drain(&SEEN_LATE).unwrap(), [2]);
}
