//! A cache as a source: what is sent to it, or published, in order and without a gap; and who looks on.

use super::{Cache, scratch, stamp};
use crate::codec::Codec;
use crate::error::{Error, ErrorKind, Result};
use crate::keys::{self, Key};
use crate::scope::{Gathered, Shared as App};
use crate::source::{QueueUse, Shared, Source, of_queue};
use crate::steps::{Item, Receives, Txn};
use crate::store::{self, RowValue};
use futures_core::Stream;
use futures_util::stream;
use std::fmt;
use tokio::sync::broadcast;

/// How many entries wait for a handler that takes from a cache, and for somebody who looks on.
const CAPACITY: usize = 1024;

/// Told apart by this, which nobody writes: a static cache.
pub struct ACache;

/// A cache that is named as a source. Whether its entries can be read is asked next, so that a type that the codec
/// cannot read is said to be one.
pub struct Named<K: 'static, V: 'static, C: 'static>(&'static Cache<K, V, C>);

#[diagnostic::do_not_recommend]
impl<K: Send + 'static, V: Send + 'static, C: 'static> Shared<ACache> for Cache<K, V, C> {
    type Source = Named<K, V, C>;

    fn share(&'static self) -> Named<K, V, C> {
        Named(self)
    }
}

impl<K, V, C> Named<K, V, C> {
    /// The source; its errors are apart already.
    pub fn untry(self) -> Source<(K, V)>
    where
        K: Key,
        V: Send,
        C: Codec<V>,
    {
        let cache = self.0;
        let rows = format!("cache {}", cache.name);
        let queue = QueueUse { named: cache.named(), kept: true, rows, is_cache: true };
        of_queue(queue, CAPACITY, |item| cache.entry(item))
    }
}

/// Those who look on as a cache is written to.
struct Onlookers(broadcast::Sender<RowValue>);

impl Receives for Onlookers {
    fn receive(&self, item: Item) {
        if let Item::Kept(entry) = item {
            // An error means that nobody looks on any more.
            let _ = self.0.send(entry);
        }
    }
}

/// Somebody who looks on was too slow: so many entries were written that it has not seen.
///
/// ```
/// assert_eq!(slipstream::Lagged(3).to_string(), "3 entries were missed");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lagged(pub u64);

impl fmt::Display for Lagged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} entries were missed", self.0)
    }
}

impl std::error::Error for Lagged {}

impl<K, V, C> Cache<K, V, C>
where
    K: Key,
    C: Codec<V>,
{
    /// Sends an entry to those who take from the cache and those who look on, when the step ends.
    pub(super) fn notify(
        &self,
        app: &App,
        step: Option<&Gathered>,
        txn: &mut Txn,
        row: &[u8],
        value: &RowValue,
    ) -> Result<()> {
        let key = row.get(store::prefix_length(self.name)..).unwrap_or_default();
        let fill = |out: &mut Vec<u8>| {
            out.extend((key.len() as u64).to_be_bytes());
            out.extend_from_slice(key);
            out.extend_from_slice(value);
        };
        let entry = scratch::with_bytes(fill, |bytes| RowValue::from(bytes));
        if let Some(queue) = app.queue(self.slot.index())
            && !app.state.send(
                txn,
                &queue,
                Item::Kept(entry.clone()),
                step.is_some_and(|step| step.waits_for(&queue)),
            )
        {
            let text = format!(
                "those who take from the cache `{}` are so far behind that there is no room: send to it as a sink, which \
                 waits for them, or less often",
                self.name
            );
            return Err(Error::new(ErrorKind::Misuse, text));
        }
        if let Some(onlookers) = self.slot.get::<Onlookers>(app) {
            app.state.tell_onlookers(txn, onlookers, Item::Kept(entry));
        }
        Ok(())
    }

    fn entry(&self, item: Item) -> Result<(K, V)> {
        let Item::Kept(entry) = item else {
            return Err(Error::new(ErrorKind::Misuse, "what a cache sends is kept"));
        };
        let (key, stored) = self.parts(&entry)?;
        // What is sent is not left out for coming late.
        let value = self.live(stored, || 0)?.unwrap_or_default();
        Ok((keys::decode(key, &format!("the cache `{}`", self.name))?, self.decode(value)?))
    }

    /// The key, and the value as it is stored.
    fn parts<'a>(&self, entry: &'a [u8]) -> Result<(&'a [u8], &'a [u8])> {
        let parts = entry.split_first_chunk::<8>().and_then(|(length, rest)| {
            rest.split_at_checked(usize::try_from(u64::from_be_bytes(*length)).ok()?)
        });
        parts.ok_or_else(|| {
            let text = format!("an entry of the cache `{}` on its way is damaged", self.name);
            Error::new(ErrorKind::Codec, text)
        })
    }

    /// What is sent to the cache, or published, from now on: for pages and the like that may miss some, which they are
    /// told. A handler that must not takes the cache as its source.
    ///
    /// ```
    /// # slipstream::doc_test(async {
    /// use slipstream::prelude::*;
    /// static PRICES: Cache<String, u32> = Cache::new("prices");
    /// let app = slipstream::testing::app().start_idle().await?;
    /// app.scope(async {
    ///     let mut updates = std::pin::pin!(PRICES.updates()?);
    ///     PRICES.publish("tea", &5)?;
    ///     PRICES.put("coffee", &6)?; // silently
    ///     assert_eq!(updates.next().await, Some(Ok(("tea".to_owned(), 5))));
    ///     Ok(())
    /// }).await
    /// # });
    /// ```
    ///
    /// # Errors
    /// Outside of an app.
    ///
    /// # Cancel safety
    /// Nothing is lost if `next` is dropped.
    pub fn updates(&'static self) -> Result<impl Stream<Item = Result<(K, V), Lagged>> + Send + 'static>
    where
        V: Send,
    {
        let (onlookers, clock) = self.with(|current| {
            current.app.has_listeners();
            let onlookers = self.slot.of(&current.app, || Onlookers(broadcast::channel(CAPACITY).0))?;
            Ok((onlookers, current.app.clock.clone()))
        })?;
        let has_expired = move |entry: &RowValue| {
            let live = |(_, stored)| self.live(stored, || stamp::now(&clock));
            self.parts(entry).and_then(live).is_ok_and(|live| live.is_none())
        };
        let entries = onlookers.0.subscribe();
        Ok(stream::unfold((entries, has_expired), |(mut entries, has_expired)| async {
            let next = loop {
                match entries.recv().await {
                    Ok(entry) if has_expired(&entry) => {}
                    // It was encoded a moment ago, by the same types.
                    Ok(entry) => break self.entry(Item::Kept(entry)).map_err(|_| Lagged(1)),
                    Err(broadcast::error::RecvError::Lagged(missed)) => break Err(Lagged(missed)),
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            };
            Some((next, (entries, has_expired)))
        }))
    }
}
