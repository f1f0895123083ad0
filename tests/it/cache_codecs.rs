//! Caches whose values are written by another codec than the default.

use super::common::{LONG, within};
use slipstream::prelude::*;
use slipstream::testing::{self, Broker, Output};
use slipstream::{BoxError, Codec, ErrorKind, Json};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Part {
    name: String,
    weights: Vec<u32>,
}

fn part(n: u32) -> Part {
    Part { name: format!("part {n}"), weights: (0..n % 4).collect() }
}

static PARTS: Cache<u32, Part, Json> = Cache::new("parts as json");
static COPIES: Cache<u32, Part, Json> = Cache::new("copies of parts");
static PACKED: Cache<u32, Part> = Cache::new("packed parts");
static SEEN: Output<(u32, Part)> = Output::new("seen parts");

#[handle(source = 0..20_u32, sink = [PARTS])]
fn make(n: u32) -> (u32, Part) {
    (n, part(n))
}

#[handle(source = PARTS, sink = [SEEN])]
fn see(part: (u32, Part)) -> (u32, Part) {
    part
}

#[tokio::test]
async fn all_that_a_cache_does_works_with_json() {
    let broker = Broker::new();
    let running = broker.app().handler(make).handler(see).start().await.unwrap();
    within(LONG, running.wait()).await.unwrap();
    running.assert_conserved();
    assert_eq!(running.drain(&SEEN).unwrap(), (0..20).map(|n| (n, part(n))).collect::<Vec<_>>());
    drop(running);

    let running = broker.app().start_idle().await.unwrap();
    let mut text = Vec::new();
    running.enter(|| {
        assert_eq!(PARTS.get(&7).unwrap(), Some(part(7)));
        assert_eq!(PARTS.range(..5).count(), 5);
        assert_eq!(PARTS.values().rev().next().unwrap().unwrap(), part(19));
        let snapshot = PARTS.snapshot().unwrap();
        let renamed = PARTS.update(&7, |_| part(100)).unwrap();
        assert_eq!((renamed, snapshot.get(&7).unwrap()), (part(100), Some(part(7))));
        PARTS.export(&mut text).unwrap();
        PACKED.put(&1, &part(1)).unwrap();
    });
    let json = b"{\"name\":\"part 5\",\"weights\":[0]}".map(|byte| format!("{byte:02x}")).concat();
    assert!(String::from_utf8(text.clone()).unwrap().contains(&json), "the text is that of the codec");
    assert_eq!(running.scope(COPIES.import(&text[..])).await.unwrap(), 20);
    assert_eq!(running.enter(|| COPIES.get(&7)).unwrap(), Some(part(100)));
    let refused = running.scope(PACKED.import(&text[..])).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Codec);
    assert!(refused.to_string().contains("line 2 "), "{refused}");
    let updates = async {
        let mut updates = std::pin::pin!(PARTS.updates().unwrap());
        PARTS.publish(&3, &part(3)).unwrap();
        assert_eq!(updates.next().await, Some(Ok((3, part(3)))));
    };
    within(LONG, running.scope(updates)).await;
}

/// Bytes as they are; short ones only.
struct Raw;

impl Codec<Vec<u8>> for Raw {
    fn encode(value: &Vec<u8>) -> Result<bytes::Bytes, BoxError> {
        if value.len() > 100 { Err("too long".into()) } else { Ok(value.clone().into()) }
    }

    fn decode(bytes: &[u8]) -> Result<Vec<u8>, BoxError> {
        Ok(bytes.to_vec())
    }
}

static RAWS: Cache<u32, Vec<u8>, Raw> = Cache::new("raws");
static RAW_COPIES: Cache<u32, Vec<u8>, Raw> = Cache::new("copies of raws");

/// Also such as begin like what is written beside a value where a cache has a bound.
fn raws() -> [Vec<u8>; 7] {
    let stamped = [&[0xC1, 1][..], &[0; 20]].concat();
    [vec![], vec![0xC1], vec![0xC1, 0], vec![0xC1, 1], vec![0xC1, 2, 3], stamped, vec![7]]
}

#[tokio::test]
async fn a_codec_of_ones_own_may_write_any_bytes() {
    let broker = Broker::new();
    for round in 0..2 {
        let running = broker.app().start_idle().await.unwrap();
        let mut text = Vec::new();
        running.enter(|| {
            for (n, raw) in (0..).zip(raws()).filter(|_| round == 0) {
                RAWS.put(&n, &raw).unwrap();
            }
            assert_eq!(RAWS.values().collect::<Result<Vec<_>>>().unwrap(), raws(), "round {round}");
            let snapshot = RAWS.snapshot().unwrap();
            for (n, raw) in (0..).zip(raws()) {
                assert_eq!(RAWS.get(&n).unwrap(), Some(raw.clone()));
                assert_eq!(snapshot.get(&n).unwrap(), Some(raw));
            }
            RAWS.export(&mut text).unwrap();
        });
        running.scope(RAW_COPIES.import(&text[..])).await.unwrap();
        let copies = running.enter(|| RAW_COPIES.values().collect::<Result<Vec<_>>>());
        assert_eq!(copies.unwrap(), raws());
        running.stop().await.unwrap();
    }
}

#[tokio::test]
async fn what_a_codec_refuses_fails_the_call_and_names_the_cache() {
    let running = testing::app().start_idle().await.unwrap();
    let error = running.enter(|| RAWS.put(&1, &vec![0; 101])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Codec);
    assert!(error.to_string().contains("`raws`") && error.to_string().contains("too long"), "{error}");
    assert_eq!(running.enter(|| RAWS.get(&1)).unwrap(), None);
}
