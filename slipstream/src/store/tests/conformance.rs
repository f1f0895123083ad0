//! One suite for all engines: a new one is listed in `engines`.

use super::super::memory::Memory;
use super::*;
use proptest::prelude::*;

fn engines() -> Vec<(&'static str, Box<dyn Engine>, tempfile::TempDir)> {
    let mut engines: Vec<(_, Box<dyn Engine>, _)> = Vec::new();
    engines.push(("memory", Box::<Memory>::default(), home()));
    let tests = home();
    engines.push(("dump", Box::new(Dump::open(tests.path())), tests));
    #[cfg(feature = "sled")]
    {
        let sled = home();
        engines.push(("sled", Box::new(super::super::sled::Sled::open(sled.path(), 1 << 26).unwrap()), sled));
    }
    engines
}

/// Short values, and such as an engine may have to divide.
fn value() -> impl Strategy<Value = Option<Vec<u8>>> {
    let sizes = prop_oneof![8 => 0_usize..4, 1 => 4090_usize..4100, 1 => 8191_usize..20_000];
    proptest::option::of((any::<u8>(), sizes).prop_map(|(byte, size)| vec![byte; size]))
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(255), any::<u8>()], 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn an_engine_is_a_sorted_map(
        batches in proptest::collection::vec(proptest::collection::btree_map(key(), value(), 0..8), 1..8),
        ranges in proptest::collection::vec((key(), key(), 0_usize..6, any::<bool>()), 6),
    ) {
        for (name, engine, _dir) in engines() {
            let mut model = Model::new();
            for batch in &batches {
                let rows: Vec<Row> =
                    batch.iter().map(|(key, value)| (key.clone().into(), value.clone().map(RowValue::from))).collect();
                engine.put(&rows).unwrap();
                apply(&mut model, &rows);
            }
            engine.sync(Durability::Power).unwrap();
            for (from, to, limit, reverse) in ranges.iter().cloned().chain([(vec![], vec![], usize::MAX, true)]) {
                let mut expected = between(&model, &from, &to);
                if reverse {
                    expected.reverse();
                }
                expected.truncate(limit);
                let mut page = Page::default();
                engine.range(&from, &to, limit, reverse, &mut page).unwrap();
                prop_assert_eq!(page.rows(), expected, "{}", name);
                let found = engine.get(&from).unwrap();
                prop_assert_eq!(found, model.get(&from).cloned().map(RowValue::from), "{}", name);
            }
        }
    }
}

#[cfg(feature = "sled")]
#[test]
fn sled_makes_no_blob_files_and_opens_again_at_once() {
    use super::super::sled::Sled;
    let dir = home();
    for round in 0..3_u8 {
        let sled = Sled::open(dir.path(), 1 << 26).unwrap();
        let rows: Vec<Row> = (0..40_u8)
            .map(|key| (vec![key; 30].into(), Some(vec![round; 3000 + 50_000 * usize::from(key % 2)].into())))
            .collect();
        sled.put(&rows).unwrap();
        sled.sync(Durability::Power).unwrap();
        assert_eq!(sled.get(&[1; 30]).unwrap().unwrap()[..], [round; 53_000]);
        assert_eq!(std::fs::read_dir(dir.path().join("blobs")).unwrap().count(), 0);
        assert!(sled.has_parts());
        let small: Vec<Row> =
            (0..40_u8).map(|key| (vec![key; 30].into(), Some(RowValue::from(b"s")))).collect();
        sled.put(&small).unwrap();
        assert!(!sled.has_parts(), "parts of values that are gone take up space");
    }
}
