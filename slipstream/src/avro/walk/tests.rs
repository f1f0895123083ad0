//! Bombs, and random bytes: refused without a panic, and before anything is allocated for them.

use super::super::known::Known;
use super::{Unfit, check};
use crate::avro::shape::Shape;
use avro_rs::Schema;
use proptest::prelude::*;

fn shape(schema: &str) -> Shape {
    Shape::of(&Schema::parse_str(schema).unwrap()).unwrap()
}

fn why(schema: &str, bytes: &[u8]) -> &'static str {
    check(&shape(schema), bytes).err().map_or("", |Unfit { why, .. }| why)
}

/// 2^60 items, as eight or nine bytes of a count.
const MANY: [u8; 9] = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20];
const LIST: &str = r#"{"type": "record", "name": "L", "fields": [{"name": "next", "type": ["null", "L"]}]}"#;

#[test]
fn huge_counts_and_lengths_are_refused() {
    let nulls = r#"{"type": "array", "items": "null"}"#;
    assert_eq!(why(nulls, &MANY), "it has too many values");
    assert_eq!(why(nulls, &[0xfe, 0xff, 0xff, 0xff, 0x0f, 0]), "it has too many values");
    assert_eq!(why(r#"{"type": "array", "items": "long"}"#, &MANY), "bytes are missing");
    assert_eq!(why(r#"{"type": "map", "values": "null"}"#, &MANY), "bytes are missing");
    assert_eq!(why(r#""string""#, &MANY), "a length is larger than what is left");
    assert_eq!(why(r#""bytes""#, &[1]), "a length is larger than what is left");
    assert_eq!(
        why(r#"{"type": "fixed", "name": "F", "size": 1099511627776}"#, &[0; 20]),
        "bytes are missing"
    );
    // Inside of a big decimal is a length of its own.
    let decimal = r#"{"type": "bytes", "logicalType": "big-decimal"}"#;
    assert_eq!(why(decimal, &[12, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0]), "it is no decimal");
}

#[test]
fn blocks_below_zero_say_their_length_truly() {
    let longs = r#"{"type": "array", "items": "long"}"#;
    assert_eq!(why(longs, &[3, 4, 2, 4, 0]), "");
    assert_eq!(why(longs, &[3, 2, 2, 4, 0]), "a block has another length than it says");
    assert_eq!(why(longs, &[3, 1, 2, 4, 0]), "a length is larger than what is left");
    // The least count of all has no positive one.
    let least = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0];
    assert_eq!(why(r#"{"type": "array", "items": "null"}"#, &least), "it has too many values");
    assert_eq!(why(longs, &[0xff; 12]), "a number is longer than 64 bits");
}

#[test]
fn a_datum_that_nests_itself_is_refused() {
    assert_eq!(why(LIST, &[[2; 60].as_slice(), &[0]].concat()), "");
    assert_eq!(why(LIST, &[[2; 1000].as_slice(), &[0]].concat()), "it is nested too deeply");
    // One that takes no bytes would never end.
    let endless = r#"{"type": "record", "name": "E", "fields": [{"name": "e", "type": "E"}]}"#;
    assert_eq!(why(endless, &[]), "it is nested too deeply");
    // Twice as many with each record: 2^40 values of no bytes.
    let mut schema = r#"{"type": "record", "name": "R0", "fields": []}"#.to_owned();
    for n in 1..40 {
        let before = n - 1;
        schema = format!(
            r#"{{"type": "record", "name": "R{n}", "fields": [{{"name": "a", "type": {schema}}},
            {{"name": "b", "type": "R{before}"}}]}}"#
        );
    }
    assert_eq!(why(&schema, &[]), "it has too many values");
}

#[test]
fn what_is_wrong_is_said_by_place_and_without_content() {
    let schema = r#"{"type": "record", "name": "A", "fields": [{"name": "b", "type":
        {"type": "record", "name": "B", "fields": [{"name": "c", "type": "string"}]}}]}"#;
    let error = check(&shape(schema), &[4, 0xff, 0xff]).unwrap_err();
    assert_eq!(error.to_string(), "at byte 3, in `b.c`: it is not UTF-8");
    assert_eq!(check(&shape(schema), &[2, b'x', 0]).unwrap_err().why, "bytes are left over");
}

/// A schema with one of everything, some of it nested in itself.
const ALL: &str = r#"{"type": "record", "name": "All", "fields": [
    {"name": "a", "type": {"type": "array", "items": ["null", "boolean", "int", "All"]}},
    {"name": "m", "type": {"type": "map", "values": {"type": "array", "items": "null"}}},
    {"name": "e", "type": {"type": "enum", "name": "E", "symbols": ["X", "Y"]}},
    {"name": "f", "type": {"type": "fixed", "name": "F", "size": 3}},
    {"name": "d", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
    {"name": "n", "type": {"type": "bytes", "logicalType": "big-decimal"}},
    {"name": "u", "type": {"type": "string", "logicalType": "uuid"}},
    {"name": "t", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    {"name": "x", "type": "double"}]}"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// Small numbers, which are counts, variants and lengths, more often than others.
    #[test]
    fn random_bytes_do_no_harm(bytes in prop::collection::vec(prop_oneof![3 => 0_u8..8, 1 => any::<u8>()], 0..200)) {
        let schema = Schema::parse_str(ALL).unwrap();
        let shape = Shape::of(&schema).unwrap();
        if check(&shape, &bytes).is_ok() {
            // What is let through, the decoder takes; but for a uuid's text.
            let names = avro_rs::schema::ResolvedSchema::new(&schema).unwrap();
            let reader = avro_rs::reader::datum::GenericDatumReader::builder(&schema)
                .resolved_writer_schemata(names).build().unwrap();
            let _ = reader.read_value(&mut &bytes[..]);
        }
        let known = Known::of::<serde_json::Value>(Schema::parse_str(r#"{"type": "array", "items": "null"}"#).unwrap());
        let _ = known.unwrap().read::<serde_json::Value>(&bytes);
    }
}
