//! Bounds of a cache: how long its entries live, and how many bytes they may have.

use super::Cache;
use super::index::{self, Index};
use super::stamp::{self, Micros, Stored};
use super::{evictor, opening};
use crate::codec::Codec;
use crate::error::{Error, ErrorKind, Result};
use crate::keys::Key;
use crate::ledger::Evicted;
use crate::scope::Shared;
use crate::steps::INDEXES;
use crate::store;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

impl<K, V, C> Cache<K, V, C> {
    /// Lets entries expire: one that was written this long ago, by the app's clock, is not there any more.
    ///
    /// Nobody sees an expired entry: neither `get` nor scans, nor who looks on. A [`Snapshot`](super::Snapshot) is of its
    /// moment, and what expires later stays in it. Writing an entry anew, also by `update`, begins its time again; reading
    /// does not. A handler whose cache is its source is given what was sent to it, however late it comes. Entries that were
    /// written before the bound was set, or imported, count as written then; taking it away again needs nothing.
    ///
    /// Expired entries are deleted by steps beside the handlers', [counted](Cache::evicted), and as silently as by
    /// [`delete`](Cache::delete): who takes from the cache is not told. A step that has read what is evicted before its end
    /// runs again: its handler takes the message by `&`, or by value where it is `Clone`. With a longer time after a
    /// restart, what has expired and was not evicted yet is there again.
    ///
    /// A cache with a bound is a `static`: each use of a `const` would be another cache, with nothing in it to evict.
    ///
    /// ```
    /// # slipstream::doc_test(async {
    /// use slipstream::prelude::*;
    /// use slipstream::testing::{self, stopped_clock};
    /// static SEEN: Cache<String, u32> = Cache::new("seen").ttl(hours(1));
    ///
    /// let app = testing::app().clock(stopped_clock()).start_idle().await?;
    /// app.enter(|| SEEN.put("a", &1))?;
    /// app.advance(mins(59)).await;
    /// assert_eq!(app.enter(|| SEEN.get("a"))?, Some(1));
    /// app.advance(mins(1)).await;
    /// assert_eq!(app.enter(|| SEEN.get("a"))?, None);
    /// assert_eq!(app.enter(|| SEEN.evicted())?.expired, 1);
    /// # Ok(()) });
    /// ```
    ///
    /// # Panics
    /// If it is less than a microsecond: then no entry would ever be there. Of a static that is an error of the compiler.
    #[must_use]
    #[track_caller]
    pub const fn ttl(mut self, ttl: Duration) -> Self {
        let micros = ttl.as_micros();
        assert!(micros > 0, "the `ttl` of a cache must be at least a microsecond");
        // Longer than there is time.
        self.limits.ttl = Some(if micros > u64::MAX as u128 { u64::MAX } else { micros as u64 });
        self
    }

    /// Lets the oldest entries go when all keys and values together have more bytes than this.
    ///
    /// The oldest is the one that was written longest ago; reading makes nothing younger. They go soon after, by steps
    /// beside the handlers' as with [`ttl`](Cache::ttl): for some milliseconds, while the app ends, and while its entries
    /// are counted at a start, the cache may be larger. Handlers that write faster than entries are evicted wait where it
    /// is an eighth too large, and at least 64 KiB; who writes from outside of handlers does not. Bytes are those of the
    /// encoded keys and values; what the store needs beside them is not counted. An entry that is larger than the whole cache may be is evicted as it is written,
    /// with the value that its key had before, and pushes no other out.
    ///
    /// ```
    /// # slipstream::doc_test(async {
    /// use slipstream::prelude::*;
    /// static PAGES: Cache<String, String> = Cache::new("pages").max_bytes(1000);
    ///
    /// let app = slipstream::testing::app().start_idle().await?;
    /// app.enter(|| (0..30).try_for_each(|n| PAGES.put(&format!("page {n}"), &"x".repeat(100))))?;
    /// app.quiet().await;
    /// app.enter(|| {
    ///     assert!(PAGES.iter().count() < 10);
    ///     assert!(PAGES.contains("page 29")? && !PAGES.contains("page 0")?);
    ///     assert!(PAGES.evicted()?.over_max_bytes > 20);
    ///     Ok(())
    /// })
    /// # });
    /// ```
    ///
    /// # Panics
    /// If it is 0: such a cache would keep nothing. Of a static that is an error of the compiler.
    #[must_use]
    #[track_caller]
    pub const fn max_bytes(mut self, bytes: u64) -> Self {
        assert!(bytes > 0, "the `max_bytes` of a cache must be more than 0");
        self.limits.max_bytes = Some(bytes);
        self
    }

    /// The index that the app keeps for it, if it has a bound; the first call begins to evict.
    #[inline]
    pub(super) fn index(&self, app: &Arc<Shared>) -> Result<Option<Arc<Index>>> {
        // What all calls of most caches come to.
        if self.limits.is_none() && app.indexes.get().is_some_and(BTreeSet::is_empty) {
            return Ok(None);
        }
        self.index_or_unbind(app)
    }

    #[inline(never)]
    fn index_or_unbind(&self, app: &Arc<Shared>) -> Result<Option<Arc<Index>>> {
        if self.limits.is_none() {
            if indexes(app)?.contains(self.name.as_bytes()) {
                self.unbind(app)?;
            }
            return Ok(None);
        }
        let make = || Index::new(self.name, self.limits, app.ledger.evictions(self.name));
        let index = self.bound.of(app, make)?;
        if !index.begun.load(Relaxed) && !index.begun.swap(true, Relaxed) {
            let kept = index.clone();
            app.bound(move || kept.has_room());
            app.employ(evictor::evict(Arc::downgrade(app), index.clone()));
        }
        Ok(Some(index))
    }

    /// It may have had a bound in another run of the program. Its index is not kept up any more, and says so before
    /// anything is written; then its rows go.
    #[cold]
    fn unbind(&self, app: &Arc<Shared>) -> Result<()> {
        let unbound = self.bound.of(app, || Unbound(Mutex::new(false)))?;
        let mut unbound = unbound.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !*unbound {
            let whole = index::whole(self.name);
            app.state.outside(|txn| {
                app.state.write(txn, &whole, None);
                Ok(())
            })?;
            *unbound = true;
            app.employ(opening::clear(Arc::downgrade(app), self.name));
        }
        Ok(())
    }

    /// The time that is written with a value.
    pub(super) fn written(&self, app: &Shared) -> Option<Micros> {
        (!self.limits.is_none()).then(|| stamp::now(&app.clock))
    }

    /// What the codec wrote, unless the entry has expired.
    pub(super) fn live<'a>(
        &self,
        stored: &'a [u8],
        now: impl FnOnce() -> Micros,
    ) -> Result<Option<&'a [u8]>> {
        let Some(Stored { written, value }) = stamp::open(stored) else {
            let text = format!(
                "a value of the cache `{}` cannot be decoded: its first bytes are damaged",
                self.name
            );
            return Err(Error::new(ErrorKind::Codec, text));
        };
        let has_expired =
            written.and_then(|written| self.limits.end(written)).is_some_and(|end| end <= now());
        Ok((!has_expired).then_some(value))
    }
}

impl<K, V, C> Cache<K, V, C>
where
    K: Key,
    C: Codec<V>,
{
    /// How many entries were evicted since the app began, and why; none of a cache without a bound. [`ttl`](Cache::ttl) and
    /// [`max_bytes`](Cache::max_bytes) have examples.
    ///
    /// # Errors
    /// Outside of an app.
    pub fn evicted(&self) -> Result<Evicted> {
        self.with(|current| {
            let index = self.index(&current.app)?;
            let none = || Evicted { cache: self.name.to_owned(), ..Evicted::default() };
            Ok(index.map_or_else(none, |index| index.evicted.counts()))
        })
    }
}

/// Whether an app has seen to what is left of a cache's bound.
struct Unbound(Mutex<bool>);

/// The names of the caches that the state had indexes of when the app began to use any.
fn indexes(app: &Shared) -> Result<&BTreeSet<Vec<u8>>> {
    if let Some(found) = app.indexes.get() {
        return Ok(found);
    }
    let (mut from, end) = (INDEXES.as_bytes().to_vec(), store::after(INDEXES.as_bytes()));
    let mut found = BTreeSet::new();
    let name = |row: &[u8], _: &[u8]| {
        Ok(row.iter().skip(INDEXES.len()).copied().take_while(|byte| *byte != 0).collect::<Vec<u8>>())
    };
    // From the first row of each to the first of the next.
    while let Some(name) =
        app.state.scan(None, from.into()..end.clone().into(), false).next(&app.state, name)?
    {
        from = store::after(&index::whole(&String::from_utf8_lossy(&name)));
        if !found.insert(name) {
            break; // a name with a 0 in it would be found for ever
        }
    }
    Ok(app.indexes.get_or_init(|| found))
}
