//! `values`: leaves a topic's values, and carries along what describes their records.

use crate::flow::Flow;
use crate::pulled::Traced;
use crate::topic::Record;
use futures_core::Stream;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The flow behind [`values`].
pub struct Values<S>(S);

/// The values of a topic's records. Their keys, event times and headers can still be asked for behind it.
///
/// ```
/// use slipstream::prelude::*;
///
/// static AMOUNTS: Topic<String, u64> = Topic::new("amounts");
///
/// #[handle(source = AMOUNTS, pipe = [values, accumulate], sink = [print])]
/// fn total(sum: u64, key: Key<String>) -> String {
///     format!("{sum} with {}", key.0)
/// }
/// ```
pub fn values<S, K, V>(flow: Flow<S>) -> Flow<Values<S>>
where
    S: Stream<Item = Traced<Record<K, V>, ()>> + Unpin,
{
    flow.then(|stages, _| Values(stages))
}

impl<S, K, V> Stream for Values<S>
where
    S: Stream<Item = Traced<Record<K, V>, ()>> + Unpin,
{
    type Item = Traced<V, Record<K, ()>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.0).poll_next(cx).map(|next| {
            next.map(|Traced { item, count, .. }| {
                let Record { key, value, about } = item;
                Traced { item: value, about: Record { key, value: (), about }, count }
            })
        })
    }
}
