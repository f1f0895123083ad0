//! One conformance suite for all engines: a third one is listed in `engines`.

use super::{Row, Store, after, memory::MemoryStore};
use bytes::Bytes;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn engines() -> Vec<(&'static str, Box<dyn Store>, Option<tempfile::TempDir>)> {
    #[allow(unused_mut)] // without features there is only one
    let mut engines: Vec<(_, Box<dyn Store>, _)> = vec![("memory", Box::<MemoryStore>::default(), None)];
    #[cfg(feature = "sled")]
    {
        let dir = tempfile::tempdir().unwrap();
        engines.push(("sled", Box::new(super::sled::SledStore::open(dir.path()).unwrap()), Some(dir)));
    }
    engines
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn an_engine_is_a_sorted_map(batches in proptest::collection::vec(
        proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..3), any::<Option<u8>>()), 0..8), 1..8,
    )) {
        for (name, store, _dir) in engines() {
            let mut model = BTreeMap::new();
            for batch in &batches {
                // One value a key in a batch, as a commit has it.
                let batch: BTreeMap<_, _> = batch.iter().cloned().collect();
                let rows: Vec<Row> = batch.iter().map(|(key, value)| {
                    (Bytes::from(key.clone()), value.map(|value| Bytes::from(vec![value])))
                }).collect();
                store.write(&rows).unwrap();
                for (key, value) in batch {
                    match value {
                        Some(value) => drop(model.insert(key, value)),
                        None => drop(model.remove(&key)),
                    }
                }
            }
            let rows = store.range(&[], &[255; 9], usize::MAX, false).unwrap();
            let rows: Vec<_> = rows.into_iter().map(|(key, value)| (key.to_vec(), value[0])).collect();
            prop_assert_eq!(rows, model.clone().into_iter().collect::<Vec<_>>(), "{}", name);
            let some = store.range(&[1], &[200], 2, false).unwrap().len();
            prop_assert_eq!(some, model.range(vec![1]..vec![200]).take(2).count(), "{}", name);
        }
    }
}

#[test]
fn after_a_prefix_comes_nothing_that_starts_with_it() {
    assert_eq!(after(b"ab"), b"ac");
    assert_eq!(after(&[7, 255]), [8]);
    assert!(after(&[255]).is_empty());
}

#[cfg(feature = "sled")]
#[test]
fn a_directory_in_use_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let _open = super::sled::SledStore::open(dir.path()).unwrap();
    let error = super::sled::SledStore::open(dir.path()).err().unwrap();
    assert!(error.to_string().contains("in use"), "{error}");
}

#[cfg(feature = "sled")]
#[test]
fn what_was_committed_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let row = (Bytes::from_static(b"k"), Some(Bytes::from_static(b"v")));
    super::sled::SledStore::open(dir.path()).unwrap().write(&[row]).unwrap();
    let store = super::sled::SledStore::open(dir.path()).unwrap();
    assert_eq!(store.get(b"k").unwrap().as_deref(), Some(&b"v"[..]));
}
