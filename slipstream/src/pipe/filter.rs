//! `filter`, `filter_map`, `dedup`, `throttle` and `skip`: leave messages out, and say so.

use crate::breath::Breath;
use crate::flow::Flow;
use crate::pulled::Traced;
use crate::scope;
use crate::step::Step;
use chrono::{DateTime, Utc};
use futures_core::Stream;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// How many messages may be left out in a row before the time that it takes is looked at.
const IN_A_ROW: u32 = 8;

/// The flow behind the adapters of this file: what a choice makes of each message.
pub struct Filter<S, C> {
    stages: S,
    choice: C,
    step: Step,
    breath: Breath,
}

/// What is made of a message, or that it is left out.
pub trait Choice<T> {
    /// What it is made.
    type Out;

    /// `None` leaves it out.
    fn choose(&mut self, item: T) -> Option<Self::Out>;
}

impl<S, T, D, C> Stream for Filter<S, C>
where
    S: Stream<Item = Traced<T, D>> + Unpin,
    C: Choice<T> + Unpin,
{
    type Item = Traced<C::Out, D>;

    #[inline]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let mut left_out = 0_u32;
        loop {
            let Some(Traced { item, about, count }) = ready!(Pin::new(&mut this.stages).poll_next(cx)) else {
                return Poll::Ready(None);
            };
            if let Some(item) = this.choice.choose(item) {
                return Poll::Ready(Some(Traced { item, about, count }));
            }
            this.step.filtered(count);
            // Some in a row cost nothing; many look at the clock.
            left_out += 1;
            if left_out > IN_A_ROW && this.breath.gives_way(cx) {
                return Poll::Pending;
            }
        }
    }
}

fn by<S, C>(choice: C) -> impl FnOnce(Flow<S>) -> Flow<Filter<S, C>> {
    |flow| flow.then(|stages, step| Filter { stages, choice, step, breath: Breath::new() })
}

/// The choice of [`filter`].
pub struct Keep<F>(F);

impl<T, F: FnMut(&T) -> bool> Choice<T> for Keep<F> {
    type Out = T;

    #[inline]
    fn choose(&mut self, item: T) -> Option<T> {
        (self.0)(&item).then_some(item)
    }
}

/// Keeps the messages for which this holds, and counts the others as filtered.
///
/// ```
/// use slipstream::prelude::*;
///
/// #[handle(source = 0..10_u32, pipe = [filter(|n: &u32| n % 2 == 0)], sink = [print])]
/// fn even(n: u32) -> u32 { n }
/// ```
pub fn filter<S, T, D, F>(keep: F) -> impl FnOnce(Flow<S>) -> Flow<Filter<S, Keep<F>>>
where
    S: Stream<Item = Traced<T, D>> + Unpin,
    F: FnMut(&T) -> bool + Unpin,
{
    by(Keep(keep))
}

/// The choice of [`filter_map`].
pub struct Make<F>(F);

impl<T, U, F: FnMut(T) -> Option<U>> Choice<T> for Make<F> {
    type Out = U;

    fn choose(&mut self, item: T) -> Option<U> {
        (self.0)(item)
    }
}

/// Keeps what this makes of the messages, and counts those as filtered of which it makes nothing.
///
/// ```
/// use slipstream::prelude::*;
///
/// fn words() -> Vec<&'static str> { vec!["7", "seven"] }
///
/// #[handle(source = words, pipe = [filter_map(|word: &str| word.parse::<u32>().ok())], sink = [print])]
/// fn number(n: u32) -> u32 { n }
/// ```
pub fn filter_map<S, T, D, U, F>(make: F) -> impl FnOnce(Flow<S>) -> Flow<Filter<S, Make<F>>>
where
    S: Stream<Item = Traced<T, D>> + Unpin,
    F: FnMut(T) -> Option<U> + Unpin,
{
    by(Make(make))
}

/// The choice of [`dedup`]: the last message that was let through.
pub struct Changes<T>(Option<T>);

impl<T: PartialEq + Clone> Choice<T> for Changes<T> {
    type Out = T;

    fn choose(&mut self, item: T) -> Option<T> {
        if self.0.as_ref() == Some(&item) {
            return None;
        }
        self.0 = Some(item.clone());
        Some(item)
    }
}

/// Leaves out a message that equals the one before it.
///
/// ```
/// use slipstream::prelude::*;
///
/// #[handle(source = [1, 1, 2, 2, 1], pipe = [dedup], sink = [print])]
/// fn changes(n: i32) -> i32 { n } // prints 1, 2, 1
/// ```
pub fn dedup<S, T, D>(flow: Flow<S>) -> Flow<Filter<S, Changes<T>>>
where
    S: Stream<Item = Traced<T, D>> + Unpin,
    T: PartialEq + Clone + Unpin,
{
    by(Changes(None))(flow)
}

/// The choice of [`throttle`]: when a message was last let through.
pub struct Paced {
    period: Duration,
    passed: Option<DateTime<Utc>>,
}

impl<T> Choice<T> for Paced {
    type Out = T;

    fn choose(&mut self, item: T) -> Option<T> {
        let now = scope::clock().now();
        let period = self.period;
        if self.passed.is_some_and(|passed| (now - passed).to_std().unwrap_or_default() < period) {
            return None;
        }
        self.passed = Some(now);
        Some(item)
    }
}

/// Lets one message through for each period, the first, and leaves out the others; by the app's clock.
///
/// ```
/// use slipstream::prelude::*;
///
/// #[handle(source = every(millis(10)), pipe = [throttle(secs(1))], sink = [print])]
/// fn once_a_second(n: u64) -> u64 { n }
/// ```
pub fn throttle<S, T, D>(period: Duration) -> impl FnOnce(Flow<S>) -> Flow<Filter<S, Paced>>
where
    S: Stream<Item = Traced<T, D>> + Unpin,
{
    by(Paced { period, passed: None })
}

/// The choice of [`skip`]: how many are still to be left out.
pub struct Behind(u64);

impl<T> Choice<T> for Behind {
    type Out = T;

    fn choose(&mut self, item: T) -> Option<T> {
        if self.0 == 0 {
            return Some(item);
        }
        self.0 -= 1;
        None
    }
}

/// All messages but the first `n`, which are counted as filtered.
///
/// ```
/// use slipstream::prelude::*;
///
/// #[handle(source = 0..4_u32, pipe = [slipstream::skip(2)], sink = [print])]
/// fn rest(n: u32) -> u32 { n } // prints 2, 3
/// ```
pub fn skip<S, T, D>(n: u64) -> impl FnOnce(Flow<S>) -> Flow<Filter<S, Behind>>
where
    S: Stream<Item = Traced<T, D>> + Unpin,
{
    by(Behind(n))
}
