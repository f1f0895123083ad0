//! A cache as a sink: a row is staged, and visible when its step ends.

use super::Cache;
use crate::codec::Codec;
use crate::keys::Key;
use crate::needs::Needs;
use crate::sink::{InHand, Ready, Resource, Shown};
use crate::step::{Interrupt, Step};
use std::sync::atomic::Ordering::Relaxed;

/// What a cache takes.
#[diagnostic::on_unimplemented(
    message = "this cache cannot take what the handler sends",
    label = "this cache takes `({K}, {V})`, the handler sends `{Self}`"
)]
pub trait FitsCache<K, V> {
    /// The key and the value.
    fn pair(self) -> (K, V);
}

#[diagnostic::do_not_recommend]
impl<K, V> FitsCache<K, V> for (K, V) {
    fn pair(self) -> (K, V) {
        self
    }
}

/// A cache as a sink.
pub struct ToCache<'a, K, V, C>(&'a Cache<K, V, C>);

impl<K, V, C> Resource for Cache<K, V, C> {
    type Kind<'a>
        = ToCache<'a, K, V, C>
    where
        Self: 'a;

    fn kind(&self) -> ToCache<'_, K, V, C> {
        ToCache(self)
    }

    fn declare(&'static self, needs: &mut Needs) {
        needs.cache(self.named());
        // Those who take from it hold its writers back.
        needs.writes(self.slot.index());
    }
}

/// Writes rows to a cache.
struct CacheSink<'a, K, V, C>(&'a Cache<K, V, C>);

impl<'a, K, V, C> ToCache<'a, K, V, C> {
    /// As a sink for these outputs.
    pub fn fit<T: Send, P>(self, _: Shown<T, P>) -> impl Ready<T> + Sync + use<'a, K, V, C, T, P>
    where
        T: FitsCache<K, V>,
        K: Key,
        C: Codec<V>,
    {
        CacheSink(self.0)
    }
}

impl<T, K, V, C> Ready<T> for CacheSink<'_, K, V, C>
where
    T: FitsCache<K, V> + Send,
    K: Key,
    C: Codec<V>,
{
    async fn give(&self, item: T, step: &Step, at: usize) -> Result<(), Interrupt> {
        step.at_sink(at);
        let in_hand = InHand::take(step.outputs(at));
        let (key, value) = item.pair();
        let app = step.app();
        let value = self.0.encode(app, &value)?;
        self.0.row(
            |out| key.encode(out),
            |row| {
                step.stage_item(at, |_, txn| {
                    if app.listeners.load(Relaxed) {
                        self.0.notify(app, Some(step.gathered()), txn, row, &value)?;
                    }
                    self.0.stage(app, txn, row, Some(value))
                })
            },
        )?;
        in_hand.kept();
        Ok(())
    }
}
