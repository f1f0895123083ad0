//! Does it take that? For functions: of one argument, sync or async, that return nothing or a `Result` of nothing.

use super::offer::{NoSink, TakesTwo, ToFn};
use super::{InHand, Ready, Sending, Shown};
use crate::error::{BoxError, Error};
use crate::flow::Flow;
use crate::step::{Interrupt, Step};
use std::future::{Future, ready};
use std::marker::PhantomData;

/// What a sink that takes an `A` is given.
#[diagnostic::on_unimplemented(
    message = "this sink cannot take what the handler sends",
    label = "this sink takes `{A}`, the handler sends `{T}`",
    note = "a sink takes its argument by value, as the handler sends it"
)]
pub trait Fits<A, T, M> {
    /// The argument.
    fn fit(item: T) -> A;

    /// How an argument is copied, if it is known how an output is.
    fn copy_fit(copy: fn(&T) -> T) -> Option<fn(&A) -> A>;
}

/// Told apart by this, which nobody writes.
pub struct AsItIs;

#[diagnostic::do_not_recommend]
impl<T> Fits<T, T, AsItIs> for Sending {
    fn fit(item: T) -> T {
        item
    }

    fn copy_fit(copy: fn(&T) -> T) -> Option<fn(&T) -> T> {
        Some(copy)
    }
}

/// Nothing. With one implementation the compiler would know what a sink is sent before it has looked.
pub enum Nothing {}

#[diagnostic::do_not_recommend]
impl<A> Fits<A, Nothing, Nothing> for Sending {
    fn fit(item: Nothing) -> A {
        match item {}
    }

    fn copy_fit(_: fn(&Nothing) -> Nothing) -> Option<fn(&A) -> A> {
        None
    }
}

/// Told apart by these, which nobody writes: what a sink function returns.
pub struct AUnit;
/// As above.
pub struct AResult;
/// As above.
pub struct AFuture;
/// As above.
pub struct AFlow;

/// What a sink function may return.
#[diagnostic::on_unimplemented(
    message = "a sink returns nothing, or a `Result` of nothing, or a future of those",
    label = "this sink returns `{Self}`"
)]
pub trait Answer<M> {}

impl Answer<AUnit> for () {}

impl<T, E> Answer<AResult> for Result<T, E> {}

#[diagnostic::do_not_recommend]
impl<F: Future> Answer<AFuture> for F {}

/// A pipe in a list of sinks: that it takes a flow is said, that it returns one need not be.
impl<S> Answer<AFlow> for Flow<S> {}

/// Waits for what a sink function returned, and counts it.
pub trait Settles<M>: Answer<M> {
    /// The end of it.
    fn settle(self, in_hand: InHand<'_>) -> impl Future<Output = Result<(), Interrupt>> + Send;

    /// The end of it, where another counts.
    fn wait(self) -> impl Future<Output = Result<(), Error>> + Send;
}

impl Settles<AUnit> for () {
    #[inline]
    fn settle(self, in_hand: InHand<'_>) -> impl Future<Output = Result<(), Interrupt>> + Send {
        in_hand.delivered();
        ready(Ok(()))
    }

    fn wait(self) -> impl Future<Output = Result<(), Error>> + Send {
        ready(Ok(()))
    }
}

impl<T: NoValue, E: SinkFailure> Settles<AResult> for Result<T, E> {
    #[inline]
    fn settle(self, in_hand: InHand<'_>) -> impl Future<Output = Result<(), Interrupt>> + Send {
        ready(ended(self, in_hand))
    }

    fn wait(self) -> impl Future<Output = Result<(), Error>> + Send {
        ready(self.end())
    }
}

impl<S> Settles<AFlow> for Flow<S> {
    fn settle(self, _: InHand<'_>) -> impl Future<Output = Result<(), Interrupt>> + Send {
        ready(Ok(()))
    }

    fn wait(self) -> impl Future<Output = Result<(), Error>> + Send {
        ready(Ok(()))
    }
}

impl<F: Future<Output: End> + Send> Settles<AFuture> for F {
    #[inline]
    async fn settle(self, in_hand: InHand<'_>) -> Result<(), Interrupt> {
        ended(self.await, in_hand)
    }

    async fn wait(self) -> Result<(), Error> {
        self.await.end()
    }
}

fn ended(end: impl End, in_hand: InHand<'_>) -> Result<(), Interrupt> {
    end.end().map_err(Interrupt::Failed)?;
    in_hand.delivered();
    Ok(())
}

/// What a sink ends with.
#[diagnostic::on_unimplemented(
    message = "a sink returns nothing, or a `Result` of nothing, or a future of those",
    label = "this sink returns `{Self}`"
)]
pub trait End {
    /// As one of our results.
    ///
    /// # Errors
    /// The sink's own.
    fn end(self) -> Result<(), Error>;
}

impl End for () {
    #[inline]
    fn end(self) -> Result<(), Error> {
        Ok(())
    }
}

impl<T: NoValue, E: SinkFailure> End for Result<T, E> {
    fn end(self) -> Result<(), Error> {
        self.map(drop).map_err(Error::boxed)
    }
}

/// What a sink's `Result` holds if it went well.
#[diagnostic::on_unimplemented(
    message = "a sink returns nothing, or a `Result` of nothing, or a future of those",
    label = "this sink returns a `Result` of `{Self}`"
)]
pub trait NoValue {}

impl NoValue for () {}

/// An error of a sink that can become one of ours.
#[diagnostic::on_unimplemented(
    message = "the error of this sink cannot become a `slipstream::Error`",
    label = "this sink fails with `{Self}`, which is not a standard error"
)]
pub trait SinkFailure: Into<BoxError> {}

#[diagnostic::do_not_recommend]
impl<E: Into<BoxError>> SinkFailure for E {}

/// A function that takes a `T`.
struct FnSink<F, A, R, M>(F, PhantomData<fn(A) -> (R, M)>);

impl<F, A, R, T, M, G> Ready<T> for FnSink<F, A, R, (M, G)>
where
    F: Fn(A) -> R + Sync,
    Sending: Fits<A, T, G>,
    T: Send,
    R: Settles<M>,
{
    #[inline]
    async fn give(&self, item: T, step: &Step, at: usize) -> Result<(), Interrupt> {
        let mut in_hand = InHand::take(step.outputs(at));
        if !step.is_untouched() {
            in_hand = Box::pin(in_hand.held(step)).await?;
        }
        self.call(item, step, at, in_hand).await
    }
}

impl<F, A, R, M, G> FnSink<F, A, R, (M, G)>
where
    F: Fn(A) -> R,
    R: Settles<M>,
{
    #[inline]
    fn call<T>(
        &self,
        item: T,
        step: &Step,
        at: usize,
        in_hand: InHand<'_>,
    ) -> impl Future<Output = Result<(), Interrupt>> + Send
    where
        Sending: Fits<A, T, G>,
    {
        step.at_sink(at);
        (self.0)(Sending::fit(item)).settle(in_hand)
    }
}

impl<'a, F: Fn(A) -> R, A, R> ToFn<&'a F, A, R> {
    /// As a sink for these outputs.
    pub fn fit<T: Send, P, M, G>(self, _: Shown<T, P>) -> impl Ready<T> + Sync + use<'a, F, A, R, T, P, M, G>
    where
        Sending: Fits<A, T, G>,
        R: Answer<M>,
        R: Settles<M>,
        F: Sync,
    {
        FnSink::<_, _, _, (M, G)>(self.0, PhantomData)
    }
}

/// A closure whose argument's type is not written: it is what the handler sends.
pub fn closure<T: Send, P, R, M>(_: Shown<T, P>, f: impl Fn(T) -> R + Sync) -> impl Ready<T> + Sync
where
    R: Answer<M>,
    R: Settles<M>,
{
    FnSink::<_, _, _, (M, AsItIs)>(f, PhantomData)
}

/// What is no sink, so that it is said so.
#[diagnostic::on_unimplemented(
    message = "this is not a sink: a sink is a static `Topic`, `Cache` or `Channel`, `print`, or a function of one argument",
    label = "`{Self}` is not a sink"
)]
pub trait IntoSink {}

impl<S> NoSink<S> {
    /// It cannot be one.
    pub fn fit<T, P>(self, _: Shown<T, P>) -> impl Ready<T> + Sync + use<S, T, P>
    where
        S: IntoSink,
        T: Send,
    {
        Not
    }
}

/// What takes two arguments, so that it is said so.
#[diagnostic::on_unimplemented(
    message = "a sink takes one argument",
    label = "this one takes two, `{A}` and `{B}`: take a tuple"
)]
pub trait TakesOne<A, B> {}

impl<A, B> TakesTwo<A, B> {
    /// It cannot be one.
    pub fn fit<T, P>(self, _: Shown<T, P>) -> impl Ready<T> + Sync + use<A, B, T, P>
    where
        T: Send,
        Self: TakesOne<A, B>,
    {
        Not
    }
}

/// Stands where no sink is.
struct Not;

impl<T: Send> Ready<T> for Not {
    async fn give(&self, _: T, _: &Step, _: usize) -> Result<(), Interrupt> {
        Ok(())
    }
}
