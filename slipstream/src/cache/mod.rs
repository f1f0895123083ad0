//! Caches: typed, ordered state that commits with the positions of what it was made from.
//!
//! A static `Cache` is a name with types; the running app holds the rows. Inside of a handler a cache is read and
//! written as part of the step; outside each call is a step of its own.

mod bound;
mod entries;
mod evictor;
mod feed;
mod index;
mod lines;
mod opening;
mod scratch;
mod sink;
mod slices;
mod snapshot;
mod stamp;
#[cfg(feature = "sled")]
#[cfg(test)]
mod tests;
mod transfer;

pub use entries::Entries;
pub use feed::Lagged;
pub use snapshot::Snapshot;

use crate::codec::{Codec, MessagePack};
use crate::error::{BoxError, Error, ErrorKind, Result};
use crate::keys::{Key, KeyOf, PrefixOf};
use crate::needs::{Named, Prepare};
use crate::scope::{self, Current, Shared, Slot};
use crate::steps::{RESERVED, Txn};
use crate::store::{self, RowValue};
use index::Limits;
use std::marker::PhantomData;
use std::ops::RangeBounds;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Named, ordered state with keys `K` and values `V`, written by the codec `C`.
///
/// As a sink it takes `(K, V)`. In a handler a get, and what is written after it, are one transaction: it is exact
/// however many lanes count into the same key.
///
/// ```
/// # slipstream::doc_test(async {
/// use slipstream::prelude::*;
///
/// static COUNTS: Cache<String, u64> = Cache::new("counts");
///
/// #[handle(source = ["a", "b", "a"], sink = [COUNTS])]
/// fn count(word: &'static str) -> Result<(String, u64)> {
///     let n = COUNTS.get(word)?.unwrap_or(0) + 1;
///     Ok((word.to_owned(), n))
/// }
///
/// let running = slipstream::testing::app().handler(count).start().await?;
/// running.wait().await?;
/// assert_eq!(running.enter(|| COUNTS.get("a"))?, Some(2));
/// # Ok(()) });
/// ```
///
/// It keeps all that is written to it, unless it is given a [`ttl`](Cache::ttl) or [`max_bytes`](Cache::max_bytes). Another
/// [`Codec`] is named as the third type.
pub struct Cache<K, V, C = MessagePack> {
    name: &'static str,
    slot: Slot,
    limits: Limits,
    /// What an app keeps for the limits.
    bound: Slot,
    types: PhantomData<fn() -> (K, V, C)>,
}

impl<K, V, C> Cache<K, V, C> {
    /// A cache of this name.
    ///
    /// # Panics
    /// If the name is empty or has a 0 in it; for a static, when it is compiled.
    #[track_caller]
    pub const fn new(name: &'static str) -> Self {
        Cache {
            name: store::checked(name),
            slot: Slot::new(),
            limits: Limits::NONE,
            bound: Slot::new(),
            types: PhantomData,
        }
    }

    /// The cache's name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    fn named(&'static self) -> Named {
        let types = std::any::type_name::<(K, V, C)>();
        // So that the evictor works from the start.
        let prepare = |app: &Arc<Shared>| self.index(app).map(drop);
        let prepare: Option<Prepare> = (!self.limits.is_none()).then_some(Arc::new(prepare));
        Named { name: self.name, slot: self.slot.index(), types, prepare }
    }
}

impl<K, V, C> Cache<K, V, C>
where
    K: Key,
    C: Codec<V>,
{
    fn current(&self) -> Result<Current> {
        self.with(|current| Ok(current.clone()))
    }

    /// Runs where the caller runs.
    fn with<T>(&self, run: impl FnOnce(&Current) -> Result<T>) -> Result<T> {
        scope::with_current(
            || format!("the cache `{}`", self.name),
            |current| {
                if self.name.starts_with(RESERVED) {
                    let text = format!("a cache cannot be called `{}`: `{RESERVED}` is ours", self.name);
                    return Err(Error::new(ErrorKind::Misuse, text));
                }
                // A look first, so that lanes do not take the line from each other with every call.
                if !current.app.uses_caches.load(Ordering::Relaxed) {
                    current.app.uses_caches.store(true, Ordering::Relaxed);
                }
                self.index(&current.app)?;
                run(current)
            },
        )
    }

    /// Runs with the row of a key.
    fn row<T>(&self, encode: impl FnOnce(&mut Vec<u8>), run: impl FnOnce(&[u8]) -> T) -> T {
        let fill = |out: &mut Vec<u8>| {
            store::prefix_into(self.name, out);
            encode(out);
        };
        scratch::with_bytes(fill, run)
    }

    /// Runs as part of the caller's step, or as a step of its own.
    fn step<T>(&self, current: &Current, mut run: impl FnMut(&mut Txn) -> Result<T>) -> Result<T> {
        match &current.step {
            Some(step) => run(&mut step.touch().txn),
            None => current.app.state.outside(run),
        }
    }

    /// A value as it is stored.
    fn encode(&self, app: &Shared, value: &V) -> Result<RowValue> {
        let stored = stamp::store(self.written(app), |out| C::encode_into(value, out));
        stored.map_err(|error| self.codec("a value of", "encoded", error))
    }

    /// The value of what is stored, unless it has expired.
    fn open(&self, app: &Shared, stored: &[u8]) -> Result<Option<V>> {
        self.live(stored, || stamp::now(&app.clock))?.map(|value| self.decode(value)).transpose()
    }

    /// Writes an entry, or takes it out, when the step ends.
    fn stage(&self, app: &Arc<Shared>, txn: &mut Txn, row: &[u8], value: Option<RowValue>) -> Result<()> {
        match self.index(app)? {
            Some(index) => index.write(&app.state, txn, row, value)?,
            None => app.state.write(txn, row, value),
        }
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<V> {
        C::decode(bytes).map_err(|error| self.codec("a value of", "decoded", error))
    }

    fn codec(&self, what: &str, doing: &str, error: BoxError) -> Error {
        Error::caused(
            ErrorKind::Codec,
            format!("{what} the cache `{}` cannot be {doing}: {error}", self.name),
            error,
        )
    }

    /// The value of a key, if it has one.
    ///
    /// # Errors
    /// Outside of an app, if the store cannot be read, or if what it holds is not a `V`.
    pub fn get<Q: KeyOf<K> + ?Sized>(&self, key: &Q) -> Result<Option<V>> {
        self.read(key, |value| self.decode(value))
    }

    /// Whether a key has a value.
    ///
    /// # Errors
    /// Outside of an app, or if the store cannot be read.
    pub fn contains<Q: KeyOf<K> + ?Sized>(&self, key: &Q) -> Result<bool> {
        Ok(self.read(key, |_| Ok(()))?.is_some())
    }

    fn read<Q: KeyOf<K> + ?Sized, T>(
        &self,
        key: &Q,
        pick: impl FnOnce(&[u8]) -> Result<T>,
    ) -> Result<Option<T>> {
        self.with(|current| {
            let stored = self.row(
                |out| key.encode_as(out),
                |row| self.step(current, |txn| current.app.state.read(txn, row)),
            )?;
            let Some(stored) = stored else { return Ok(None) };
            self.live(&stored, || stamp::now(&current.app.clock))?.map(pick).transpose()
        })
    }

    /// Sets the value of a key, silently: those who take from the cache are not told.
    ///
    /// # Errors
    /// Outside of an app, or if the value cannot be encoded.
    pub fn put<Q: KeyOf<K> + ?Sized>(&self, key: &Q, value: &V) -> Result<()> {
        self.write(key, Some(value))
    }

    /// Sets the value of a key, and tells those who take from the cache and those who look on, as a sink does.
    ///
    /// # Errors
    /// Outside of an app; if the value cannot be encoded; if those who take from the cache are twice as far behind as
    /// there is room for.
    pub fn publish<Q: KeyOf<K> + ?Sized>(&self, key: &Q, value: &V) -> Result<()> {
        self.with(|current| {
            let value = self.encode(&current.app, value)?;
            let publish = |txn: &mut Txn, row: &[u8]| {
                self.notify(&current.app, current.step.as_deref(), txn, row, &value)?;
                self.stage(&current.app, txn, row, Some(value.clone()))
            };
            self.row(|out| key.encode_as(out), |row| self.step(current, |txn| publish(txn, row)))
        })
    }

    /// Takes a key out.
    ///
    /// # Errors
    /// Outside of an app.
    pub fn delete<Q: KeyOf<K> + ?Sized>(&self, key: &Q) -> Result<()> {
        self.write(key, None)
    }

    fn write<Q: KeyOf<K> + ?Sized>(&self, key: &Q, value: Option<&V>) -> Result<()> {
        self.with(|current| {
            let value = value.map(|value| self.encode(&current.app, value)).transpose()?;
            let write = |txn: &mut Txn, row: &[u8]| self.stage(&current.app, txn, row, value.clone());
            self.row(|out| key.encode_as(out), |row| self.step(current, |txn| write(txn, row)))
        })
    }

    /// Makes a new value out of the old one, and returns it; exact also from outside of a handler, where `make`
    /// is called again when another was faster. It may change other keys, and not its own.
    ///
    /// ```
    /// # slipstream::doc_test(async {
    /// use slipstream::prelude::*;
    /// static HITS: Cache<String, u64> = Cache::new("hits");
    /// let app = slipstream::testing::app().start_idle().await?;
    /// app.enter(|| {
    ///     HITS.update("home", |n| n.unwrap_or(0) + 1)?;
    ///     assert_eq!(HITS.update("home", |n| n.unwrap_or(0) + 1)?, 2);
    ///     Ok(())
    /// })
    /// # });
    /// ```
    ///
    /// # Errors
    /// As [`get`](Cache::get) and [`put`](Cache::put); outside of a handler, if its key is changed again and again for 5 s
    /// before it has ended.
    pub fn update<Q: KeyOf<K> + ?Sized>(&self, key: &Q, mut make: impl FnMut(Option<V>) -> V) -> Result<V> {
        self.with(|current| {
            let (app, state) = (&current.app, &current.app.state);
            self.row(
                |out| key.encode_as(out),
                |row| {
                    let read = |txn: &mut Txn| match state.read(txn, row)? {
                        Some(stored) => self.open(app, &stored),
                        None => Ok(None),
                    };
                    match &current.step {
                        Some(step) => {
                            // Without the lock, since `make` may use other caches.
                            let old = read(&mut step.touch().txn)?;
                            let new = make(old);
                            let encoded = self.encode(app, &new)?;
                            self.stage(app, &mut step.touch().txn, row, Some(encoded))?;
                            Ok(new)
                        }
                        None => state.outside(|txn| {
                            let new = make(read(txn)?);
                            self.stage(app, txn, row, Some(self.encode(app, &new)?))?;
                            Ok(new)
                        }),
                    }
                },
            )
        })
    }

    /// All entries, in the order of their keys.
    pub fn iter(&self) -> Entries<'_, K, V, C> {
        Entries::all(self, entries::both)
    }

    /// All keys, in their order.
    pub fn keys(&self) -> Entries<'_, K, V, C, K> {
        Entries::all(self, entries::only_key)
    }

    /// All values, in the order of their keys.
    pub fn values(&self) -> Entries<'_, K, V, C, V> {
        Entries::all(self, entries::only_value)
    }

    /// The entries whose keys are in a range.
    ///
    /// ```
    /// # slipstream::doc_test(async {
    /// use slipstream::prelude::*;
    /// static BY_AGE: Cache<u32, String> = Cache::new("by age");
    /// let app = slipstream::testing::app().start_idle().await?;
    /// app.enter(|| {
    ///     for (age, name) in [(7, "Ida"), (18, "Kim"), (40, "Bo")] {
    ///         BY_AGE.put(&age, &name.to_owned())?;
    ///     }
    ///     assert_eq!(BY_AGE.range(18..).count(), 2);
    ///     assert_eq!(BY_AGE.range(7..18).count(), 1);
    ///     BY_AGE.delete_range(18..)?;
    ///     assert_eq!(BY_AGE.iter().count(), 1);
    ///     Ok(())
    /// })
    /// # });
    /// ```
    pub fn range<Q: KeyOf<K>>(&self, range: impl RangeBounds<Q>) -> Entries<'_, K, V, C> {
        self.iter().within(&range)
    }

    /// The entries whose keys begin so: a string with these letters, a tuple with this first part.
    ///
    /// ```
    /// # slipstream::doc_test(async {
    /// use slipstream::prelude::*;
    /// static PRICES: Cache<(String, u32), f64> = Cache::new("prices");
    /// let app = slipstream::testing::app().start_idle().await?;
    /// app.enter(|| {
    ///     PRICES.put(&("tea".to_owned(), 1), &2.5)?;
    ///     PRICES.put(&("tea".to_owned(), 2), &2.7)?;
    ///     PRICES.put(&("teapot".to_owned(), 1), &30.0)?;
    ///     assert_eq!(PRICES.prefix("tea").count(), 2);
    ///     Ok(())
    /// })
    /// # });
    /// ```
    pub fn prefix<P: PrefixOf<K> + ?Sized>(&self, prefix: &P) -> Entries<'_, K, V, C> {
        self.iter().starting(prefix)
    }

    /// Takes out all keys in a range: those that a scan finds.
    ///
    /// # Errors
    /// Outside of an app, or if the store cannot be read.
    pub fn delete_range<Q: KeyOf<K>>(&self, range: impl RangeBounds<Q>) -> Result<()> {
        let keys = Entries::all(self, entries::only_key).within(&range).collect::<Result<Vec<K>>>()?;
        self.with(|current| {
            self.step(current, |txn| {
                let take_out = |row: &[u8], txn: &mut Txn| self.stage(&current.app, txn, row, None);
                keys.iter().try_for_each(|key| self.row(|out| key.encode(out), |row| take_out(row, txn)))
            })
        })
    }
}
