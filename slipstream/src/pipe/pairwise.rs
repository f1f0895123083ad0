//! `pairwise`: each message with the one before it.

use crate::flow::Flow;
use crate::pulled::Traced;
use crate::step::Step;
use futures_core::Stream;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// The flow behind [`pairwise`].
pub struct Pairwise<S, T> {
    stages: S,
    step: Step,
    last: Option<T>,
    /// What the first message stands for: it is held until there is a pair that it is in.
    held: u32,
}

/// Each message with the one before it: of n messages, n - 1 pairs.
///
/// ```
/// use slipstream::prelude::*;
///
/// #[handle(source = 0..4_u32, pipe = [pairwise], sink = [print])]
/// fn pair(pair: (u32, u32)) -> (u32, u32) { pair } // prints (0, 1), (1, 2), (2, 3)
/// ```
pub fn pairwise<S, T, D>(flow: Flow<S>) -> Flow<Pairwise<S, T>>
where
    S: Stream<Item = Traced<T, D>> + Unpin,
    T: Clone + Unpin,
{
    flow.then(|stages, step| Pairwise { stages, step, last: None, held: 0 })
}

impl<S, T, D> Stream for Pairwise<S, T>
where
    S: Stream<Item = Traced<T, D>> + Unpin,
    T: Clone + Unpin,
{
    type Item = Traced<(T, T), D>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let Some(Traced { item, about, count }) = ready!(Pin::new(&mut self.stages).poll_next(cx)) else {
                let alone = std::mem::take(&mut self.held);
                self.step.released(alone);
                self.step.filtered(alone);
                return Poll::Ready(None);
            };
            let Some(last) = self.last.replace(item.clone()) else {
                self.held = count;
                self.step.held(count);
                continue;
            };
            let held = std::mem::take(&mut self.held);
            self.step.released(held);
            return Poll::Ready(Some(Traced { item: (last, item), about, count: count + held }));
        }
    }
}
