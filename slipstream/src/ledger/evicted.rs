//! What caches with a bound let go.

use super::Count;

/// How many entries a cache has evicted since the app began.
///
/// ```
/// # slipstream::doc_test(async {
/// use slipstream::prelude::*;
/// use slipstream::testing::{self, stopped_clock};
/// static SESSIONS: Cache<String, u32> = Cache::new("sessions").ttl(mins(30));
///
/// let app = testing::app().clock(stopped_clock()).start_idle().await?;
/// app.enter(|| SESSIONS.put("ida", &1))?;
/// app.advance(hours(1)).await;
/// let evicted = &app.report().evicted[0];
/// assert_eq!((evicted.cache.as_str(), evicted.expired, evicted.over_max_bytes), ("sessions", 1, 0));
/// # Ok(()) });
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Evicted {
    /// The cache's name.
    pub cache: String,
    /// Entries that were older than the cache's `ttl`.
    pub expired: u64,
    /// The oldest entries of a cache that was larger than its `max_bytes`, and entries that were so by themselves.
    pub over_max_bytes: u64,
}

/// The counters of a cache with a bound.
#[derive(Default)]
pub(crate) struct Evictions {
    cache: String,
    expired: Count,
    over_max_bytes: Count,
}

impl Evictions {
    pub(super) fn new(cache: &str) -> Self {
        Evictions { cache: cache.to_owned(), ..Evictions::default() }
    }

    /// Steps of several lanes end at a time.
    pub(crate) fn add(&self, expired: u64, over_max_bytes: u64) {
        self.expired.add_shared(expired);
        self.over_max_bytes.add_shared(over_max_bytes);
    }

    pub(crate) fn counts(&self) -> Evicted {
        let (expired, over_max_bytes) = (self.expired.get(), self.over_max_bytes.get());
        Evicted { cache: self.cache.clone(), expired, over_max_bytes }
    }
}
