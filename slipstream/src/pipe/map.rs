//! `map`, `enumerate`, `accumulate` and `scan`: make one message of one.

use crate::flow::Flow;
use crate::pulled::Traced;
use futures_core::Stream;
use std::ops::Add;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The flow behind the adapters of this file: what is made of each message.
pub struct Map<S, M> {
    stages: S,
    make: M,
}

/// Makes something of a message.
pub trait Maker<T> {
    /// What it makes.
    type Out;

    /// Makes it.
    fn make(&mut self, item: T) -> Self::Out;
}

impl<S, T, D, M> Stream for Map<S, M>
where
    S: Stream<Item = Traced<T, D>> + Unpin,
    M: Maker<T> + Unpin,
{
    type Item = Traced<M::Out, D>;

    #[inline]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let next = Pin::new(&mut this.stages).poll_next(cx);
        next.map(|next| next.map(|traced| traced.with(|item| this.make.make(item))))
    }
}

fn by<S, M>(make: M) -> impl FnOnce(Flow<S>) -> Flow<Map<S, M>> {
    |flow| flow.then(|stages, _| Map { stages, make })
}

/// The maker of [`map`].
pub struct Apply<F>(F);

impl<T, U, F: FnMut(T) -> U> Maker<T> for Apply<F> {
    type Out = U;

    #[inline]
    fn make(&mut self, item: T) -> U {
        (self.0)(item)
    }
}

/// Makes something else of each message.
///
/// ```
/// use slipstream::prelude::*;
///
/// #[handle(source = 0..3_u32, pipe = [map(|n: u32| n * n)], sink = [print])]
/// fn square(n: u32) -> u32 { n }
/// ```
pub fn map<S, T, D, U, F>(make: F) -> impl FnOnce(Flow<S>) -> Flow<Map<S, Apply<F>>>
where
    S: Stream<Item = Traced<T, D>> + Unpin,
    F: FnMut(T) -> U + Unpin,
{
    by(Apply(make))
}

/// The maker of [`enumerate`]: the next number.
pub struct Numbers(u64);

impl<T> Maker<T> for Numbers {
    type Out = (u64, T);

    fn make(&mut self, item: T) -> (u64, T) {
        self.0 += 1;
        (self.0 - 1, item)
    }
}

/// Each message with its number, from 0.
///
/// ```
/// use slipstream::prelude::*;
///
/// #[handle(source = ["a", "b"], pipe = [enumerate], sink = [print])]
/// fn numbered((n, letter): (u64, &'static str)) -> String {
///     format!("{n} {letter}")
/// }
/// ```
pub fn enumerate<S, T, D>(flow: Flow<S>) -> Flow<Map<S, Numbers>>
where
    S: Stream<Item = Traced<T, D>> + Unpin,
{
    by(Numbers(0))(flow)
}

/// The maker of [`accumulate`]: the sum so far.
pub struct Sum<T>(Option<T>);

impl<T: Add<Output = T> + Clone> Maker<T> for Sum<T> {
    type Out = T;

    #[inline]
    fn make(&mut self, item: T) -> T {
        let sum = match self.0.take() {
            Some(sum) => sum + item,
            None => item,
        };
        self.0 = Some(sum.clone());
        sum
    }
}

/// The sum of all messages so far, for each message.
///
/// ```
/// use slipstream::prelude::*;
///
/// #[handle(source = 0..4_u32, pipe = [accumulate], sink = [print])]
/// fn sum(n: u32) -> u32 { n } // prints 0, 1, 3, 6
/// ```
pub fn accumulate<S, T, D>(flow: Flow<S>) -> Flow<Map<S, Sum<T>>>
where
    S: Stream<Item = Traced<T, D>> + Unpin,
    T: Add<Output = T> + Clone + Unpin,
{
    by(Sum(None))(flow)
}

/// The maker of [`scan`]: its state, and what is made of it and a message.
pub struct Scan<A, F>(A, F);

impl<T, U, A, F: FnMut(&mut A, T) -> U> Maker<T> for Scan<A, F> {
    type Out = U;

    fn make(&mut self, item: T) -> U {
        (self.1)(&mut self.0, item)
    }
}

/// What a function makes of a state of its own and each message.
///
/// ```
/// use slipstream::prelude::*;
///
/// fn product(so_far: &mut u32, n: u32) -> u32 {
///     *so_far *= n;
///     *so_far
/// }
///
/// #[handle(source = 1..5_u32, pipe = [scan(1, product)], sink = [print])]
/// fn factorial(n: u32) -> u32 { n } // prints 1, 2, 6, 24
/// ```
pub fn scan<S, T, D, A, U, F>(state: A, make: F) -> impl FnOnce(Flow<S>) -> Flow<Map<S, Scan<A, F>>>
where
    S: Stream<Item = Traced<T, D>> + Unpin,
    A: Unpin,
    F: FnMut(&mut A, T) -> U + Unpin,
{
    by(Scan(state, make))
}
