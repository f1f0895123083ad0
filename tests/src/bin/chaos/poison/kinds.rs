//! The kinds of poison, and what is to be said of each.

use super::{KEYS, REFUSED, mixed};

/// A record's key and value.
type Bytes = (Option<Vec<u8>>, Option<Vec<u8>>);

/// A kind of record that cannot be counted.
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// Where it must fail.
    pub(super) stage: &'static str,
    /// What the error must say.
    pub(super) error: &'static str,
    /// The record of this number.
    pub(super) record: fn(u64) -> Bytes,
}

/// So large that a client with librdkafka's defaults cannot send it, and a broker with its own still takes it.
const LARGE: usize = 1_047_000;

/// How deep the deepest value is nested.
const DEPTH: usize = 100_000;

pub(super) const KINDS: [Kind; 16] = [
    kind("broken UTF-8", "source", "syntax error at line 1", |n| {
        let mut value = format!("{{\"n\":{n},\"does\":\"count\",\"more\":\"?\"}}").into_bytes();
        let at = value.len() - 3;
        value[at] = 0xFF;
        keyed(n, value)
    }),
    kind("truncated", "source", "eof error at line 1", |n| keyed(n, &good(n)[..12])),
    kind("wrong type", "source", "data error at line 1", |n| {
        keyed(n, format!("{{\"n\":\"{n}\",\"does\":\"count\"}}"))
    }),
    kind("missing field", "source", "data error at line 1", |n| keyed(n, format!("{{\"n\":{n}}}"))),
    kind("null where none is allowed", "source", "data error at line 1", |n| {
        keyed(n, "{\"n\":null,\"does\":\"count\"}")
    }),
    kind("field twice", "source", "data error at line 1", |n| {
        keyed(n, format!("{{\"n\":{n},\"n\":{n},\"does\":\"count\"}}"))
    }),
    kind("no value", "source", "the record's value is not a", |n| (Some(key(n)), None)),
    kind("empty value", "source", "eof error at line 1", |n| keyed(n, "")),
    kind("nested deeply", "source", "syntax error at line 1", |n| {
        let (open, close) = ("[".repeat(DEPTH), "]".repeat(DEPTH));
        keyed(n, format!("{{\"n\":{n},\"does\":\"count\",\"more\":{open}{close}}}"))
    }),
    kind("number too large", "source", "syntax error at line 1", |_| {
        keyed(0, "{\"n\":1e999,\"does\":\"count\"}")
    }),
    kind("key of another type", "source", "the record's key is not a", |n| {
        (Some(key(n)[..3].to_vec()), Some(good(n)))
    }),
    kind("larger than librdkafka sends", "source", "eof error at line 1", |n| {
        let noise = (0_u64..).flat_map(|at| mixed(n << 20 ^ at).to_be_bytes()).map(|byte| b' ' + byte % 64);
        let mut value = format!("{{\"n\":{n},\"does\":\"count\",\"more\":\"").into_bytes();
        value.extend(noise.filter(|byte| !b"\"\\".contains(byte)).take(LARGE));
        keyed(n, value)
    }),
    kind("handler fails", "handler", "as it was told to", |n| keyed(n, does(n, "fail"))),
    kind("handler panics", "handler", "panicked: it was told to", |n| keyed(n, does(n, "panic"))),
    kind("handler takes too long", "handler", "longer than its timeout", |n| keyed(n, does(n, "hang"))),
    kind("sink fails", "sink refuse", "no such key", |n| {
        (Some(REFUSED.to_be_bytes().to_vec()), Some(good(n)))
    }),
];

const fn kind(
    name: &'static str,
    stage: &'static str,
    error: &'static str,
    record: fn(u64) -> Bytes,
) -> Kind {
    Kind { name, stage, error, record }
}

/// A record that can be counted.
pub(super) fn good(n: u64) -> Vec<u8> {
    does(n, "count").into_bytes()
}

pub(super) fn key(n: u64) -> Vec<u8> {
    (mixed(n) % KEYS).to_be_bytes().to_vec()
}

fn does(n: u64, what: &str) -> String {
    format!("{{\"n\":{n},\"does\":\"{what}\"}}")
}

fn keyed(n: u64, value: impl AsRef<[u8]>) -> Bytes {
    (Some(key(n)), Some(value.as_ref().to_vec()))
}
