//! `take`, `take_while` and `take_until`: the messages up to some point; there the handler ends.

use crate::flow::Flow;
use crate::pulled::Traced;
use crate::step::Step;
use futures_core::Stream;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// The flow behind the adapters of this file: ends where its bound says.
pub struct Limit<S, B> {
    stages: S,
    bound: B,
    step: Step,
    ended: bool,
}

/// What a bound says of a message.
pub enum Verdict {
    /// It passes, and more may.
    Pass,
    /// It passes, and is the last.
    Last,
    /// It is left out, and so is what follows.
    Stop,
}

/// Says where a flow ends.
pub trait Bound<T> {
    /// Of each message in turn.
    fn judge(&mut self, item: &T) -> Verdict;
}

impl<S, T, D, B> Stream for Limit<S, B>
where
    S: Stream<Item = Traced<T, D>> + Unpin,
    B: Bound<T> + Unpin,
{
    type Item = Traced<T, D>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let Some(traced) = ready!(Pin::new(&mut self.stages).poll_next(cx)) else { return Poll::Ready(None) };
        let verdict = self.bound.judge(&traced.item);
        self.ended = !matches!(verdict, Verdict::Pass);
        if matches!(verdict, Verdict::Stop) {
            self.step.filtered(traced.count);
            return Poll::Ready(None);
        }
        Poll::Ready(Some(traced))
    }
}

fn by<S, B>(bound: B, ended: bool) -> impl FnOnce(Flow<S>) -> Flow<Limit<S, B>> {
    move |flow| flow.then(|stages, step| Limit { stages, bound, step, ended })
}

/// The bound of [`take`]: how many may still pass.
pub struct First(u64);

impl<T> Bound<T> for First {
    fn judge(&mut self, _: &T) -> Verdict {
        self.0 = self.0.saturating_sub(1);
        if self.0 == 0 { Verdict::Last } else { Verdict::Pass }
    }
}

/// The first `n` messages; then the handler ends.
///
/// ```
/// use slipstream::prelude::*;
///
/// #[handle(source = 0.., pipe = [take(3)], sink = [print])]
/// fn first(n: i32) -> i32 { n } // prints 0, 1, 2
/// ```
pub fn take<S, T, D>(n: u64) -> impl FnOnce(Flow<S>) -> Flow<Limit<S, First>>
where
    S: Stream<Item = Traced<T, D>> + Unpin,
{
    by(First(n), n == 0)
}

/// The bound of [`take_while`].
pub struct While<F>(F);

impl<T, F: FnMut(&T) -> bool> Bound<T> for While<F> {
    fn judge(&mut self, item: &T) -> Verdict {
        if (self.0)(item) { Verdict::Pass } else { Verdict::Stop }
    }
}

/// The messages before the first for which this does not hold; that one is left out, and counted as filtered.
///
/// ```
/// use slipstream::prelude::*;
///
/// #[handle(source = 0.., pipe = [take_while(|n: &i32| n * n < 10)], sink = [print])]
/// fn small(n: i32) -> i32 { n } // prints 0, 1, 2, 3
/// ```
pub fn take_while<S, T, D, F>(holds: F) -> impl FnOnce(Flow<S>) -> Flow<Limit<S, While<F>>>
where
    S: Stream<Item = Traced<T, D>> + Unpin,
    F: FnMut(&T) -> bool + Unpin,
{
    by(While(holds), false)
}

/// The bound of [`take_until`].
pub struct Until<F>(F);

impl<T, F: FnMut(&T) -> bool> Bound<T> for Until<F> {
    fn judge(&mut self, item: &T) -> Verdict {
        if (self.0)(item) { Verdict::Last } else { Verdict::Pass }
    }
}

/// The messages up to and with the first for which this holds: a predicate, other than the method of `StreamExt`, which
/// takes a future.
///
/// ```
/// use slipstream::prelude::*;
///
/// #[handle(source = 0.., pipe = [take_until(|n: &i32| *n == 2)], sink = [print])]
/// fn up_to_two(n: i32) -> i32 { n } // prints 0, 1, 2
/// ```
pub fn take_until<S, T, D, F>(holds: F) -> impl FnOnce(Flow<S>) -> Flow<Limit<S, Until<F>>>
where
    S: Stream<Item = Traced<T, D>> + Unpin,
    F: FnMut(&T) -> bool + Unpin,
{
    by(Until(holds), false)
}
