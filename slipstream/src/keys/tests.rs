//! The order of the bytes is the order of the keys, and every key comes back.

use super::Key;
use chrono::{DateTime, NaiveDate, Utc};
use proptest::prelude::*;

fn bytes<K: Key>(key: &K) -> Vec<u8> {
    let mut out = Vec::new();
    key.encode(&mut out);
    out
}

fn holds<K: Key + PartialEq + std::fmt::Debug>(a: &K, b: &K, order: std::cmp::Ordering) {
    assert_eq!(bytes(a).cmp(&bytes(b)), order, "{a:?} {b:?}");
    let encoded = bytes(a);
    let mut rest = encoded.as_slice();
    assert_eq!(K::decode(&mut rest).as_ref(), Some(a));
    assert!(rest.is_empty());
    assert_eq!(K::from_record(&a.to_record()).as_ref(), Some(a));
}

fn back<K: Key>(key: &K) -> K {
    K::from_record(&key.to_record()).unwrap()
}

fn near() -> impl Strategy<Value = i64> {
    (
        prop_oneof![
            Just(0_i64),
            Just(-1),
            Just(i64::MIN),
            Just(i64::MAX),
            Just(255),
            Just(1 << 16),
            Just(-256)
        ],
        -2..3_i64,
    )
        .prop_map(|(at, by)| at.wrapping_add(by))
}

fn time() -> impl Strategy<Value = DateTime<Utc>> {
    let seconds = prop_oneof![-3..3_i64, -62_135_596_800..253_402_300_800_i64];
    let nanos = prop_oneof![0..3_u32, 999_999_990..1_000_000_000_u32];
    (seconds, nanos).prop_map(|(seconds, nanos)| DateTime::from_timestamp(seconds, nanos).unwrap())
}

type Nested = ((String, Vec<u8>), (i16, (bool, ())), (DateTime<Utc>, NaiveDate), u128);

fn nested() -> impl Strategy<Value = Nested> {
    let few =
        (0..3_i64, 0..3_u32).prop_map(|(seconds, nanos)| DateTime::from_timestamp(seconds, nanos).unwrap());
    let first = ("[a\0]{0,2}", proptest::collection::vec(0..2_u8, 0..2));
    let second = (-1..2_i16, any::<bool>()).prop_map(|(n, truth)| (n, (truth, ())));
    let third = few.prop_map(|time| (time, time.date_naive()));
    (first, second, third, 0..2_u128)
}

proptest! {
    #[test]
    fn strings(a: String, b: String) { holds(&a, &b, a.cmp(&b)); }

    #[test]
    fn bytes_with_zeros(a in proptest::collection::vec(0_u8..3, 0..6), b in proptest::collection::vec(0_u8..3, 0..6)) {
        holds(&a, &b, a.cmp(&b));
    }

    #[test]
    fn integers(
        a: (i8, i16, i32, i64, i128), b: (i8, i16, i32, i64, i128),
        c: (u8, u16, u32, u64, u128), d: (u8, u16, u32, u64, u128),
    ) {
        holds(&a.0, &b.0, a.0.cmp(&b.0));
        holds(&a.1, &b.1, a.1.cmp(&b.1));
        holds(&a.2, &b.2, a.2.cmp(&b.2));
        holds(&a.3, &b.3, a.3.cmp(&b.3));
        holds(&a.4, &b.4, a.4.cmp(&b.4));
        holds(&c.0, &d.0, c.0.cmp(&d.0));
        holds(&c.1, &d.1, c.1.cmp(&d.1));
        holds(&c.2, &d.2, c.2.cmp(&d.2));
        holds(&c.3, &d.3, c.3.cmp(&d.3));
        holds(&c.4, &d.4, c.4.cmp(&d.4));
    }

    /// Random numbers of many digits are seldom near each other, or near the ends.
    #[test]
    fn integers_near_each_other(a in near(), b in near()) {
        holds(&a, &b, a.cmp(&b));
        let (a, b) = (a as i128, b as i128);
        holds(&a, &b, a.cmp(&b));
        let (c, d) = (a as u128, b as u128);
        holds(&c, &d, c.cmp(&d));
        let (c, d) = (a as i16, b as i16);
        holds(&c, &d, c.cmp(&d));
        let (c, d) = (a as u64, b as u64);
        holds(&c, &d, c.cmp(&d));
    }

    #[test]
    fn floats(a in proptest::num::f64::ANY, b in proptest::num::f64::ANY) {
        prop_assert_eq!(bytes(&a).cmp(&bytes(&b)), a.total_cmp(&b));
        prop_assert_eq!(back(&a).to_bits(), a.to_bits());
    }

    #[test]
    fn small_floats(a in proptest::num::f32::ANY, b in proptest::num::f32::ANY) {
        prop_assert_eq!(bytes(&a).cmp(&bytes(&b)), a.total_cmp(&b));
        prop_assert_eq!(back(&a).to_bits(), a.to_bits());
    }

    #[test]
    fn truths_and_nothing(a: bool, b: bool) {
        holds(&a, &b, a.cmp(&b));
        holds(&(), &(), std::cmp::Ordering::Equal);
        holds(&((), a), &((), b), a.cmp(&b));
    }

    #[test]
    fn times(a in time(), b in time()) {
        holds(&a, &b, a.cmp(&b));
        let (a, b) = (a.date_naive(), b.date_naive());
        holds(&a, &b, a.cmp(&b));
    }

    #[test]
    fn any_bytes(a: Vec<u8>, b: Vec<u8>) { holds(&a, &b, a.cmp(&b)); }

    /// One part of each kind, few values each: then the later parts decide as often as the first.
    #[test]
    fn nested_tuples(a in nested(), b in nested()) { holds(&a, &b, a.cmp(&b)); }

    #[test]
    fn tuples_of_every_length(a: (i8, u8, bool, i8), b: (i8, u8, bool, i8)) {
        holds(&(a.0,), &(b.0,), a.0.cmp(&b.0));
        holds(&(a.0, a.1), &(b.0, b.1), (a.0, a.1).cmp(&(b.0, b.1)));
        holds(&(a.0, a.1, a.2), &(b.0, b.1, b.2), (a.0, a.1, a.2).cmp(&(b.0, b.1, b.2)));
        holds(&a, &b, a.cmp(&b));
    }

    #[test]
    fn tuples(a: (String, i32, bool), b: (String, i32, bool)) { holds(&a, &b, a.cmp(&b)); }

    #[test]
    fn a_string_before_a_number_does_not_leak(a: (String, u8), b: (String, u8)) { holds(&a, &b, a.cmp(&b)); }

    #[test]
    fn any_bytes_are_a_key_or_none(any in proptest::collection::vec(any::<u8>(), 0..20)) {
        let _ = <(String, i64)>::from_record(&any);
        let _ = <(Vec<u8>, bool)>::from_record(&any);
    }
}
