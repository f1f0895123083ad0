//! A cache as of one moment.

use super::stamp::{self, Micros};
use super::{Cache, Entries, entries};
use crate::codec::{Codec, MessagePack};
use crate::error::Result;
use crate::keys::{Key, KeyOf, PrefixOf};
use crate::steps::Still;
use crate::store;
use std::ops::RangeBounds;

/// A [`Cache`] as of one moment between two steps, also while lanes go on writing: see [`Cache::snapshot`].
///
/// It is to be short-lived. While it lives nothing that was committed goes from the log into the engine, and commits wait
/// when too much is left there; and it keeps the state's directory, so that the app cannot be started anew over it.
///
/// ```
/// # slipstream::doc_test(async {
/// use slipstream::prelude::*;
/// static STOCK: Cache<String, u32> = Cache::new("stock");
/// let app = slipstream::testing::app().start_idle().await?;
/// app.enter(|| {
///     STOCK.put("nails", &100)?;
///     let before = STOCK.snapshot()?;
///     STOCK.put("nails", &99)?;
///     STOCK.put("screws", &7)?;
///     assert_eq!(before.get("nails")?, Some(100));
///     assert_eq!(before.iter().count(), 1);
///     Ok(())
/// })
/// # });
/// ```
pub struct Snapshot<'a, K, V, C = MessagePack> {
    cache: &'a Cache<K, V, C>,
    still: Still,
    /// What had not expired then stays.
    moment: Micros,
}

impl<K, V, C> Cache<K, V, C>
where
    K: Key,
    C: Codec<V>,
{
    /// The cache as it is now: whole steps of all lanes, and none that has not ended, the caller's own included.
    ///
    /// Lanes wait while what has not been committed is copied; then they go on. What is read of it in a handler is not
    /// checked at the end of the step.
    ///
    /// # Errors
    /// Outside of an app, or if the store cannot be read.
    pub fn snapshot(&self) -> Result<Snapshot<'_, K, V, C>> {
        let start = store::prefix(self.name);
        let end = store::after(&start);
        self.with(|current| {
            let state = &current.app.state;
            let (still, moment) =
                state.still(&(start.into()..end.into()), || stamp::now(&current.app.clock))?;
            Ok(Snapshot { cache: self, still, moment })
        })
    }
}

impl<K, V, C> Snapshot<'_, K, V, C>
where
    K: Key,
    C: Codec<V>,
{
    /// The value that a key had, if it had one.
    ///
    /// # Errors
    /// If the store cannot be read, or if what it holds is not a `V`.
    pub fn get<Q: KeyOf<K> + ?Sized>(&self, key: &Q) -> Result<Option<V>> {
        let found = self.cache.row(|out| key.encode_as(out), |row| self.still.get(row))?;
        let Some(stored) = found else { return Ok(None) };
        let value = self.cache.live(&stored, || self.moment)?;
        value.map(|value| self.cache.decode(value)).transpose()
    }

    /// All entries that there were, in the order of their keys.
    pub fn iter(&self) -> Entries<'_, K, V, C> {
        Entries::all(self.cache, entries::both).of(&self.still, self.moment)
    }

    /// The entries whose keys are in a range; as [`Cache::range`].
    ///
    /// ```
    /// # slipstream::doc_test(async {
    /// use slipstream::prelude::*;
    /// static YEARS: Cache<u32, String> = Cache::new("years");
    /// let app = slipstream::testing::app().start_idle().await?;
    /// app.enter(|| {
    ///     YEARS.put(&1969, &"moon".to_owned())?;
    ///     let then = YEARS.snapshot()?;
    ///     YEARS.delete(&1969)?;
    ///     assert_eq!(then.range(1960..1970).count(), 1);
    ///     assert_eq!(then.range(1970..).count(), 0);
    ///     Ok(())
    /// })
    /// # });
    /// ```
    pub fn range<Q: KeyOf<K>>(&self, range: impl RangeBounds<Q>) -> Entries<'_, K, V, C> {
        self.iter().within(&range)
    }

    /// The entries whose keys begin so; as [`Cache::prefix`].
    ///
    /// ```
    /// # slipstream::doc_test(async {
    /// use slipstream::prelude::*;
    /// static TEAS: Cache<String, f64> = Cache::new("teas");
    /// let app = slipstream::testing::app().start_idle().await?;
    /// app.enter(|| {
    ///     TEAS.put("green/sencha", &9.5)?;
    ///     TEAS.put("black/assam", &4.0)?;
    ///     assert_eq!(TEAS.snapshot()?.prefix("green/").count(), 1);
    ///     Ok(())
    /// })
    /// # });
    /// ```
    pub fn prefix<P: PrefixOf<K> + ?Sized>(&self, prefix: &P) -> Entries<'_, K, V, C> {
        self.iter().starting(prefix)
    }

    /// The bytes of all keys, and what the codec wrote.
    pub(super) fn raw(&self) -> Entries<'_, K, V, C, (Vec<u8>, Vec<u8>)> {
        Entries::all(self.cache, |_, key: &[u8], value: &[u8]| Ok((key.to_vec(), value.to_vec())))
            .of(&self.still, self.moment)
    }
}
