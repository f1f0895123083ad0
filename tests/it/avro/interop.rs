//! What Python's `fastavro` and `avro` write is read, and they read what is written here.
//!
//! `cargo xtask test` installs both and says where in `SLIPSTREAM_TEST_PYTHON`; without it this is left out.

use apache_avro::{Decimal, Uuid};
use chrono::{NaiveDate, NaiveTime};
use slipstream::avro::{HasSchema, SchemaSource, times};
use slipstream::prelude::*;
use slipstream::{Avro, Codec};
use std::collections::HashMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Either {
    #[serde(rename = "long")]
    Long(i64),
    #[serde(rename = "string")]
    Text(String),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Inner {
    n: i64,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Suit {
    Spades,
    Hearts,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Everything {
    nothing: (),
    truth: bool,
    int: i32,
    long: i64,
    float: f32,
    double: f64,
    #[serde(with = "apache_avro::serde::bytes")]
    bytes: Vec<u8>,
    text: String,
    numbers: Vec<i32>,
    by_name: HashMap<String, i64>,
    perhaps: Option<i64>,
    either: Either,
    inner: Inner,
    again: Inner,
    suit: Suit,
    #[serde(with = "apache_avro::serde::fixed")]
    four: [u8; 4],
    #[serde(with = "times::date")]
    day: NaiveDate,
    #[serde(with = "times::time_millis")]
    dawn: NaiveTime,
    #[serde(with = "times::time_micros")]
    dusk: NaiveTime,
    #[serde(with = "times::timestamp_millis")]
    at: DateTime<Utc>,
    #[serde(with = "times::timestamp_micros")]
    exactly: DateTime<Utc>,
    price: Decimal,
    #[serde(with = "times::uuid_text")]
    id: Uuid,
}

fn everything() -> Everything {
    Everything {
        nothing: (),
        truth: true,
        int: i32::MIN,
        long: i64::MAX,
        float: 1.5,
        double: -0.1,
        bytes: vec![0, 255],
        text: "café 🌞".to_owned(),
        numbers: vec![1, -2, 3],
        by_name: [("a".to_owned(), 1)].into(),
        perhaps: None,
        either: Either::Text("x".to_owned()),
        inner: Inner { n: 7 },
        again: Inner { n: 8 },
        suit: Suit::Hearts,
        four: [1, 2, 3, 4],
        day: NaiveDate::from_ymd_opt(1969, 12, 30).unwrap(),
        dawn: NaiveTime::from_hms_milli_opt(7, 8, 9, 10).unwrap(),
        dusk: NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999).unwrap(),
        at: DateTime::from_timestamp_millis(1_700_000_000_123).unwrap(),
        exactly: DateTime::from_timestamp_micros(1_700_000_000_123_456).unwrap(),
        price: Decimal::from(vec![0x85]),
        id: Uuid::from_u128(7),
    }
}

struct InText;

impl HasSchema for InText {
    const SCHEMA: SchemaSource = SchemaSource::Text(include_str!("interop.avsc"));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn python_reads_ours_and_we_read_pythons() {
    let ours = <Avro<InText> as Codec<_>>::encode(&everything()).unwrap();
    assert_eq!(<Avro<InText> as Codec<Everything>>::decode(&ours).unwrap(), everything());
    let Ok(python) = std::env::var("SLIPSTREAM_TEST_PYTHON") else {
        eprintln!("left out: SLIPSTREAM_TEST_PYTHON is not set");
        return;
    };
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/it/avro/interop");
    let mut python = Command::new(python);
    python.args([format!("{here}.py"), format!("{here}.avsc")]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut python = python.spawn().unwrap();
    python.stdin.take().unwrap().write_all(hex(&ours).as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "its words are above");
    let theirs = String::from_utf8(output.stdout).unwrap();
    assert_eq!(theirs.lines().count(), 2);
    for theirs in theirs.lines() {
        assert_eq!(<Avro<InText> as Codec<Everything>>::decode(&bytes(theirs)).unwrap(), everything());
    }
}
