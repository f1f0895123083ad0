//! Avro as a topic's codec beside bare apache-avro: `cargo xtask bench avro`.
//!
//! Both write and read the same record of ten fields, by a schema that was made ready before. Bare serializes straight
//! into a new buffer and deserializes as it comes; ours walks through each datum before, so that none can be a bomb. They
//! run in turn, in one process; the last lines are how many times as fast ours is.

#![allow(clippy::print_stdout, clippy::unwrap_used)] // it is its purpose, and nobody's service

use apache_avro::AvroSchema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;
use serde::{Deserialize, Serialize};
use slipstream::{Avro, Codec};
use slipstream_tests::ratios::spread;
use std::hint::black_box;
use std::time::Instant;

const RECORDS: usize = 300_000;
const PAIRS: usize = 7;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, AvroSchema)]
enum Kind {
    Quake,
    Blast,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, AvroSchema)]
struct Quake {
    id: String,
    place: String,
    magnitude: f64,
    depth: f32,
    time: i64,
    stations: i32,
    felt: Option<i32>,
    reviewed: bool,
    kind: Kind,
    gaps: Vec<f64>,
}

fn quake() -> Quake {
    Quake {
        id: "ci40123456".to_owned(),
        place: "12 km NNE of Ridgecrest, California".to_owned(),
        magnitude: 4.7,
        depth: 8.25,
        time: 1_700_000_000_123,
        stations: 72,
        felt: Some(1200),
        reviewed: true,
        kind: Kind::Quake,
        gaps: vec![34.5, 0.25, 11.0],
    }
}

/// Nanoseconds a record.
fn timed(mut work: impl FnMut()) -> f64 {
    let started = Instant::now();
    for _ in 0..RECORDS {
        work();
    }
    started.elapsed().as_nanos() as f64 / RECORDS as f64
}

fn main() {
    let (schema, quake) = (Quake::get_schema(), quake());
    let writer = GenericDatumWriter::builder(&schema).build().unwrap();
    let reader = GenericDatumReader::builder(&schema).build().unwrap();
    let bytes = writer.write_ser_to_vec(&quake).unwrap();
    assert_eq!(<Avro as Codec<Quake>>::encode(&quake).unwrap(), bytes, "both do the same work");
    assert_eq!(<Avro as Codec<Quake>>::decode(&bytes).unwrap(), quake);
    let (mut writes, mut reads) = (Vec::new(), Vec::new());
    for pair in 1..=PAIRS {
        let bare = timed(|| drop(black_box(writer.write_ser_to_vec(black_box(&quake)).unwrap())));
        let ours = timed(|| drop(black_box(<Avro as Codec<Quake>>::encode(black_box(&quake)).unwrap())));
        println!(
            "pair {pair}: write: bare {bare:.0} ns, ours {ours:.0} ns a record, ratio {:.2}",
            bare / ours
        );
        writes.push(bare / ours);
        let read = || reader.read_deser::<Quake>(&mut black_box(&bytes[..])).unwrap();
        let bare = timed(|| drop(black_box(read())));
        let ours = timed(|| drop(black_box(<Avro as Codec<Quake>>::decode(black_box(&bytes)).unwrap())));
        println!(
            "pair {pair}: read: bare {bare:.0} ns, ours {ours:.0} ns a record, ratio {:.2}",
            bare / ours
        );
        reads.push(bare / ours);
    }
    println!("avro write: ratio {}", spread(&mut writes));
    println!("avro read: ratio {}", spread(&mut reads));
}
