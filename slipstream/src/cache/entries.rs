//! A cache's entries in the order of their keys, loaded in pages.

use super::Cache;
use crate::error::Result;
use crate::keys::{self, Key};
use crate::scope::Current;
use crate::store::{self, RowKey, RowValue};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The entries of a [`Cache`], in the order of their keys.
///
/// ```
/// # slipstream::doc_test(async {
/// use slipstream::prelude::*;
/// static SIZES: Cache<u32, String> = Cache::new("sizes");
/// let app = slipstream::testing::app().start_idle().await?;
/// app.enter(|| {
///     SIZES.put(&10, &"big".to_owned())?;
///     SIZES.put(&2, &"small".to_owned())?;
///     let sizes: Vec<_> = SIZES.iter()?.collect::<Result<_>>()?;
///     assert_eq!(sizes, [(2, "small".to_owned()), (10, "big".to_owned())]);
///     Ok(())
/// })
/// # });
/// ```
pub struct Entries<'a, K, V> {
    cache: &'a Cache<K, V>,
    current: Current,
    prefix: Vec<u8>,
    page: std::vec::IntoIter<(RowKey, RowValue)>,
    from: RowKey,
    to: RowKey,
    ended: bool,
}

impl<'a, K, V> Entries<'a, K, V>
where
    K: Key,
    V: Serialize + DeserializeOwned,
{
    pub(super) fn new(cache: &'a Cache<K, V>) -> Result<Self> {
        let current = cache.current()?;
        let prefix = store::prefix(cache.name);
        let (from, to) = (prefix.clone().into(), store::after(&prefix).into());
        Ok(Entries { cache, current, prefix, page: Vec::new().into_iter(), from, to, ended: false })
    }

    fn load(&mut self) -> Result<()> {
        let state = &self.current.app.state;
        let page = match &self.current.step {
            Some(step) => state.page(Some(&step.touch().txn), &self.from, &self.to)?,
            None => state.page(None, &self.from, &self.to)?,
        };
        match page.last() {
            Some((last, _)) => {
                let mut from = last.to_vec();
                from.push(0); // the first key behind it
                self.from = from.into();
            }
            None => self.ended = true,
        }
        self.page = page.into_iter();
        Ok(())
    }

    fn entry(&self, row: &[u8], value: &[u8]) -> Result<(K, V)> {
        let key = keys::decode(&row[self.prefix.len()..], &format!("the cache `{}`", self.cache.name))?;
        Ok((key, self.cache.decode(value)?))
    }
}

impl<K, V> Iterator for Entries<'_, K, V>
where
    K: Key,
    V: Serialize + DeserializeOwned,
{
    type Item = Result<(K, V)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((row, value)) = self.page.next() {
                return Some(self.entry(&row, &value));
            }
            if self.ended {
                return None;
            }
            if let Err(error) = self.load() {
                self.ended = true;
                return Some(Err(error));
            }
        }
    }
}
