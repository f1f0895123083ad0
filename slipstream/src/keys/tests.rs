//! The order of the bytes is the order of the keys, and every key comes back.

use super::Key;
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

proptest! {
    #[test]
    fn strings(a: String, b: String) { holds(&a, &b, a.cmp(&b)); }

    #[test]
    fn bytes_with_zeros(a in proptest::collection::vec(0_u8..3, 0..6), b in proptest::collection::vec(0_u8..3, 0..6)) {
        holds(&a, &b, a.cmp(&b));
    }

    #[test]
    fn integers(a: i64, b: i64, c: i8, d: i8, e: u128, f: u128) {
        holds(&a, &b, a.cmp(&b));
        holds(&c, &d, c.cmp(&d));
        holds(&e, &f, e.cmp(&f));
    }

    #[test]
    fn floats(a in proptest::num::f64::ANY.prop_filter("equality", |f| !f.is_nan()), b: f64) {
        prop_assert_eq!(bytes(&a).cmp(&bytes(&b)), a.total_cmp(&b));
        holds(&a, &a, std::cmp::Ordering::Equal);
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
