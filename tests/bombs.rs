//! How much is allocated for bytes that ask for more than there is: in a process of its own, whose heap has a cap.

#![cfg(feature = "avro")]
#![allow(clippy::unwrap_used)] // it is a test

use apache_avro::AvroSchema;
use cap::Cap;
use serde::{Deserialize, Serialize};
use slipstream::{Avro, Codec, Json};
use std::alloc::System;
use std::collections::HashMap;

/// Who asks for more than its limit gets nothing, and the process ends.
#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

/// What a bomb may take: a thousand values that have no bytes, in a type of sixty bytes.
const BOUND: usize = 256 << 10;

#[derive(Serialize, Deserialize, AvroSchema)]
struct Nested {
    lists: Vec<Vec<()>>,
    more: HashMap<String, Option<Box<Nested>>>,
    text: String,
    numbers: Vec<i64>,
}

fn bombed<T>(bytes: &[u8]) -> bool
where
    Avro: Codec<T>,
{
    <Avro as Codec<T>>::decode(bytes).is_err()
}

/// One test, since the heap belongs to all of the process.
#[test]
fn a_bomb_takes_no_more_than_its_bound() {
    // 2^60, and the least number of all; the second byte of the latter is the length of a block.
    let many = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let least = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    // The schemas are made once.
    assert!(
        bombed::<Nested>(&[]) && bombed::<Vec<()>>(&[]) && bombed::<Vec<i64>>(&[]) && bombed::<String>(&[])
    );
    assert!(bombed::<HashMap<String, ()>>(&[]));
    let json = "[".repeat(1 << 20);
    let json_map = "{\"a\":".repeat(100_000);
    HEAP.set_limit(HEAP.allocated() + BOUND).unwrap();
    for bytes in [&many[..], &least, &[0xff; 20], &many[..9]] {
        assert!(bombed::<Nested>(bytes) && bombed::<Vec<()>>(bytes) && bombed::<Vec<i64>>(bytes));
        assert!(bombed::<String>(bytes) && bombed::<HashMap<String, ()>>(bytes));
    }
    for text in [&json, &json_map] {
        assert!(<Json as Codec<serde_json::Value>>::decode(text.as_bytes()).is_err());
    }
    let mut random = 7_u64;
    for _ in 0..200_000 {
        let mut bytes = [0_u8; 20];
        for byte in &mut bytes {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            // Small numbers are counts and lengths; large ones, parts of longer numbers.
            *byte = if random.is_multiple_of(3) { (random >> 8) as u8 } else { (random >> 8) as u8 & 7 };
        }
        let _ = bombed::<Nested>(&bytes) | bombed::<Vec<()>>(&bytes) | bombed::<Vec<i64>>(&bytes);
    }
    HEAP.set_limit(usize::MAX).unwrap();
}
