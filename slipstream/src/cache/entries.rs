//! A cache's entries in the order of their keys, loaded in pages.

use super::Cache;
use super::stamp::{self, Micros};
use crate::codec::{Codec, MessagePack};
use crate::error::Result;
use crate::keys::{self, Key, KeyOf, PrefixOf};
use crate::scope::Current;
use crate::steps::{self, Scan, Still};
use crate::store::{self, RowKey};
use std::ops::{Bound, Range, RangeBounds};

/// Entries of a [`Cache`], in the order of their keys, or against it.
///
/// Rows are loaded in pages as they are asked for: what is written meanwhile may be seen or not, and a step that scans
/// is not run again for it. An error is an item, and the last one.
///
/// ```
/// # slipstream::doc_test(async {
/// use slipstream::prelude::*;
/// static SIZES: Cache<u32, String> = Cache::new("sizes");
/// let app = slipstream::testing::app().start_idle().await?;
/// app.enter(|| {
///     for (size, name) in [(10, "big"), (2, "small"), (7, "medium")] {
///         SIZES.put(&size, &name.to_owned())?;
///     }
///     let names = SIZES.values().collect::<Result<Vec<_>>>()?;
///     assert_eq!(names, ["small", "medium", "big"]);
///     // The largest that is not over 9.
///     let fits = SIZES.iter().rev().from(&9).next().transpose()?;
///     assert_eq!(fits, Some((7, "medium".to_owned())));
///     Ok(())
/// })
/// # });
/// ```
pub struct Entries<'a, K, V, C = MessagePack, T = (K, V)> {
    cache: &'a Cache<K, V, C>,
    pick: Pick<K, V, C, T>,
    bounds: Range<Vec<u8>>,
    /// Where to begin, whatever the direction.
    begin: Option<Vec<u8>>,
    reverse: bool,
    /// The moment that it is of; the app's own if none.
    still: Option<(&'a Still, Micros)>,
    scan: Option<(Origin<'a>, Scan)>,
    ended: bool,
}

/// Where rows are read from.
enum Origin<'a> {
    App(Current),
    Still(&'a Still, Micros),
}

/// What is made of the bytes of a key and of a value.
type Pick<K, V, C, T> = fn(&Cache<K, V, C>, &[u8], &[u8]) -> Result<T>;

impl<'a, K, V, C, T> Entries<'a, K, V, C, T>
where
    K: Key,
    C: Codec<V>,
{
    /// All entries, by the bytes of their keys.
    pub(super) fn all(cache: &'a Cache<K, V, C>, pick: Pick<K, V, C, T>) -> Self {
        let start = store::prefix(cache.name);
        let bounds = start.clone()..store::after(&start);
        Entries { cache, pick, bounds, begin: None, reverse: false, still: None, scan: None, ended: false }
    }

    /// Those of a moment.
    pub(super) fn of(mut self, still: &'a Still, moment: Micros) -> Self {
        self.still = Some((still, moment));
        self
    }

    pub(super) fn within<Q: KeyOf<K>>(mut self, range: &impl RangeBounds<Q>) -> Self {
        match range.start_bound() {
            Bound::Included(key) => self.bounds.start = self.row(key),
            Bound::Excluded(key) => self.bounds.start = steps::after(&self.row(key)).to_vec(),
            Bound::Unbounded => {}
        }
        match range.end_bound() {
            Bound::Included(key) => self.bounds.end = steps::after(&self.row(key)).to_vec(),
            Bound::Excluded(key) => self.bounds.end = self.row(key),
            Bound::Unbounded => {}
        }
        self
    }

    pub(super) fn starting<P: PrefixOf<K> + ?Sized>(mut self, prefix: &P) -> Self {
        prefix.encode_prefix(&mut self.bounds.start);
        self.bounds.end = store::after(&self.bounds.start);
        self
    }

    fn row<Q: KeyOf<K> + ?Sized>(&self, key: &Q) -> Vec<u8> {
        let mut row = store::prefix(self.cache.name);
        key.encode_as(&mut row);
        row
    }

    /// From the last to the first.
    #[must_use]
    pub fn rev(mut self) -> Self {
        self.reverse = !self.reverse;
        self
    }

    /// Begins at this key, or at the next one in the direction of the scan if it is not there.
    #[must_use]
    pub fn from<Q: KeyOf<K> + ?Sized>(mut self, key: &Q) -> Self {
        self.begin = Some(self.row(key));
        self
    }

    fn start(&self) -> Result<(Origin<'a>, Scan)> {
        let Range { mut start, mut end } = self.bounds.clone();
        match &self.begin {
            Some(begin) if self.reverse => end = end.min(steps::after(begin).to_vec()),
            Some(begin) => start = start.max(begin.clone()),
            None => {}
        }
        let range: Range<RowKey> = start.into()..end.into();
        if let Some((still, moment)) = self.still {
            return Ok((Origin::Still(still, moment), still.scan(range, self.reverse)));
        }
        let current = self.cache.current()?;
        let state = &current.app.state;
        let scan = match &current.step {
            Some(step) => state.scan(Some(&step.touch().txn), range, self.reverse),
            None => state.scan(None, range, self.reverse),
        };
        Ok((Origin::App(current), scan))
    }

    fn step(&mut self) -> Result<Option<T>> {
        if self.scan.is_none() {
            self.scan = Some(self.start()?);
        }
        let prefix = store::prefix_length(self.cache.name);
        let (cache, pick) = (self.cache, self.pick);
        let pick = |row: &[u8], stored: &[u8], now: &dyn Fn() -> Micros| {
            let value = cache.live(stored, now)?;
            value.map(|value| pick(cache, row.get(prefix..).unwrap_or_default(), value)).transpose()
        };
        loop {
            let next = match &mut self.scan {
                Some((Origin::App(current), scan)) => {
                    let now = || stamp::now(&current.app.clock);
                    scan.next(&current.app.state, |row, stored| pick(row, stored, &now))?
                }
                Some((Origin::Still(still, moment), scan)) => {
                    scan.next(*still, |row, stored| pick(row, stored, &|| *moment))?
                }
                None => None,
            };
            match next {
                Some(None) => {} // it has expired
                Some(Some(found)) => return Ok(Some(found)),
                None => return Ok(None),
            }
        }
    }
}

impl<K, V, C, T> Iterator for Entries<'_, K, V, C, T>
where
    K: Key,
    C: Codec<V>,
{
    type Item = Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.step().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

/// The key and the value.
pub(super) fn both<K: Key, V, C: Codec<V>>(
    cache: &Cache<K, V, C>,
    key: &[u8],
    value: &[u8],
) -> Result<(K, V)> {
    Ok((only_key(cache, key, value)?, cache.decode(value)?))
}

/// The key; the value is not decoded.
pub(super) fn only_key<K: Key, V, C>(cache: &Cache<K, V, C>, key: &[u8], _: &[u8]) -> Result<K> {
    keys::decode(key, &format!("the cache `{}`", cache.name))
}

/// The value; the key is not decoded.
pub(super) fn only_value<K: Key, V, C: Codec<V>>(
    cache: &Cache<K, V, C>,
    _: &[u8],
    value: &[u8],
) -> Result<V> {
    cache.decode(value)
}
