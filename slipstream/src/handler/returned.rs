//! What a handler may return, made into a series of outputs.

use crate::breath::Patience;
use crate::error::{BoxError, Error};
use crate::lane::Sent;
use crate::sink::{Outputs, Sends};
use crate::step::{Interrupt, Step};
use futures_core::Stream;
use std::cell::Cell;
use std::future::{Future, poll_fn, ready};
use std::pin::Pin;

/// Sends a `Vec`, an `Option` or a range whole, as one output.
///
/// ```
/// use slipstream::prelude::*;
///
/// fn save(all: Vec<u32>) { assert_eq!(all.len(), 2) }
///
/// #[handle(source = 1..3_u32, sink = [save])]
/// fn both(n: u32) -> One<Vec<u32>> {
///     One(vec![n, n * 2])
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct One<T>(pub T);

/// What a handler returned, on its way to be asked what it is: by value, by `&`, by `&mut`, whichever fits first.
pub struct Returned<T>(Cell<Option<T>>);

/// Takes what a handler returned.
#[inline]
pub fn returned<T>(value: T) -> Returned<T> {
    Returned(Cell::new(Some(value)))
}

impl<T, E> Returned<Result<T, E>> {
    /// Sets the error apart.
    ///
    /// # Errors
    /// The handler's own.
    pub fn checked(self) -> Result<Returned<T>, Interrupt>
    where
        E: Failure,
    {
        match self.0.into_inner() {
            Some(Ok(value)) => Ok(returned(value)),
            Some(Err(error)) => Err(Interrupt::Failed(Error::boxed(error))),
            None => Ok(Returned(Cell::new(None))),
        }
    }
}

/// An error that can become one of ours.
#[diagnostic::on_unimplemented(
    message = "the error of this handler cannot become a `slipstream::Error`",
    label = "this handler fails with `{Self}`, which is not a standard error",
    note = "return `Result<_, E>` with an `E` that is a `std::error::Error`, a `BoxError` or a `String`"
)]
pub trait Failure: Into<BoxError> {}

#[diagnostic::do_not_recommend]
impl<E: Into<BoxError>> Failure for E {}

/// For handlers that do not return a `Result`.
pub trait Checked: Sized {
    /// The value as it is.
    ///
    /// # Errors
    /// Never.
    fn checked(self) -> Result<Self, Interrupt> {
        Ok(self)
    }
}

impl<T> Checked for Returned<T> {}

/// Nothing to send.
pub struct Nothing;

/// An output of a handler that has none. It fits everywhere, so that one error says it.
#[derive(Clone, Debug)]
pub enum Never {}

impl std::fmt::Display for Never {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {}
    }
}

/// At most one output; `None` from the start means that the message was filtered.
pub struct Maybe<T> {
    item: Option<T>,
    filtered: bool,
}

/// One output for each item.
pub struct Each<I> {
    items: Option<I>,
    patience: Patience,
}

impl<I> Each<I> {
    fn new(items: Option<I>) -> Self {
        Each { items, patience: Patience::default() }
    }
}

/// One output for each item of a stream, each of them a step of its own.
pub struct Yields<S> {
    stream: Option<Pin<Box<S>>>,
    /// How many outputs the body has given.
    sent: u32,
    patience: Patience,
}

impl<T> Sends for Maybe<T> {}
impl<I> Sends for Each<I> {}
impl<S> Sends for Yields<S> {}

impl Outputs for Nothing {
    type Item = Never;

    fn next(&mut self, _: &Step) -> impl Future<Output = Result<Option<Self::Item>, Interrupt>> {
        ready(Ok(None))
    }
}

impl<T> Outputs for Maybe<T> {
    type Item = T;

    #[inline]
    fn next(&mut self, _: &Step) -> impl Future<Output = Result<Option<T>, Interrupt>> {
        ready(Ok(self.item.take()))
    }

    #[inline]
    fn sent(&self) -> Sent {
        if self.filtered { Sent::Filtered } else { Sent::Done }
    }
}

impl<I: Iterator> Outputs for Each<I> {
    type Item = I::Item;

    async fn next(&mut self, step: &Step) -> Result<Option<I::Item>, Interrupt> {
        step.in_handler();
        self.patience.take().await;
        Ok(self.items.as_mut().and_then(Iterator::next))
    }
}

impl<S: Stream> Outputs for Yields<S> {
    type Item = S::Item;

    async fn next(&mut self, step: &Step) -> Result<Option<S::Item>, Interrupt> {
        let done = step.yields();
        if self.sent > done && step.end_yield(self.sent).await? && step.may_be_cut() {
            return Err(Interrupt::Drained);
        }
        crate::lane::room_for_more(step).await;
        step.in_handler();
        self.patience.take().await;
        let Some(stream) = &mut self.stream else { return Ok(None) };
        while let Some(item) = poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
            self.sent += 1;
            if self.sent > done {
                return Ok(Some(item));
            }
            // Done before the app was last stopped: what the body wrote up to here is in the store already.
            step.abandon();
        }
        if self.sent < done {
            return Err(Interrupt::Failed(Error::new(
                crate::error::ErrorKind::Misuse,
                format!(
                    "gave {} outputs for a message that it had given {done} before the restart",
                    self.sent
                ),
            )));
        }
        Ok(None)
    }
}

/// Return types that are told by their name.
pub trait Kind {
    /// Their outputs.
    type Outputs;

    /// What is sent of this value.
    fn outputs(this: Option<Self>) -> Self::Outputs
    where
        Self: Sized;
}

impl Kind for () {
    type Outputs = Nothing;

    fn outputs(_: Option<()>) -> Nothing {
        Nothing
    }
}

impl<T> Kind for Option<T> {
    type Outputs = Maybe<T>;

    fn outputs(this: Option<Self>) -> Maybe<T> {
        let item = this.flatten();
        Maybe { filtered: item.is_none(), item }
    }
}

impl<T> Kind for Vec<T> {
    type Outputs = Each<std::vec::IntoIter<T>>;

    fn outputs(this: Option<Self>) -> Self::Outputs {
        Each::new(this.map(Vec::into_iter))
    }
}

impl<T> Kind for One<T> {
    type Outputs = Maybe<T>;

    fn outputs(this: Option<Self>) -> Maybe<T> {
        Maybe { item: this.map(|one| one.0), filtered: false }
    }
}

impl<T: Kind> Returned<T> {
    /// The outputs of a return type that is told by its name.
    pub fn outputs(self) -> T::Outputs {
        T::outputs(self.0.into_inner())
    }
}

/// For handlers that return a stream.
pub trait ByStream {
    /// The stream.
    type Stream;

    /// One output for each item, each a step of its own.
    fn outputs(self) -> Yields<Self::Stream>;
}

impl<S: Stream> ByStream for Returned<S> {
    type Stream = S;

    fn outputs(self) -> Yields<S> {
        Yields { stream: self.0.into_inner().map(Box::pin), sent: 0, patience: Patience::default() }
    }
}

/// For handlers that return an iterator.
pub trait ByIterator {
    /// The iterator.
    type Iterator;

    /// One output for each item.
    fn outputs(self) -> Each<Self::Iterator>;
}

impl<I: Iterator> ByIterator for &Returned<I> {
    type Iterator = I;

    fn outputs(self) -> Each<I> {
        Each::new(self.0.take())
    }
}

/// For handlers that return a plain value.
pub trait ByValue {
    /// The value's type.
    type Value;

    /// One output.
    fn outputs(self) -> Maybe<Self::Value>;
}

impl<T> ByValue for &mut Returned<T> {
    type Value = T;

    #[inline]
    fn outputs(self) -> Maybe<T> {
        Maybe { item: self.0.take(), filtered: false }
    }
}

/// Makes sure that what is sent can go to another thread, and says so at the return type if not.
pub fn sendable<O, M>(outputs: O) -> <O::Item as Sendable<O, M>>::Outputs
where
    O: Outputs,
    O::Item: Sendable<O, M>,
{
    <O::Item as Sendable<O, M>>::sendable(outputs)
}

/// What a handler sends must be able to go to another thread. As with pipes there are two ways, so that there is one
/// error.
#[diagnostic::on_unimplemented(
    message = "what this handler returns cannot go to another thread",
    label = "it, or what it yields, is not `Send`"
)]
pub trait Sendable<O, M> {
    /// The outputs, checked.
    type Outputs;

    /// As they are.
    fn sendable(outputs: O) -> Self::Outputs;
}

/// Told apart by these, which nobody writes.
pub struct CanGo;
/// As above.
pub struct Stays;

#[diagnostic::do_not_recommend]
impl<T: Send, O: Send> Sendable<O, CanGo> for T {
    type Outputs = O;

    #[inline]
    fn sendable(outputs: O) -> O {
        outputs
    }
}

#[diagnostic::do_not_recommend]
impl<T: crate::pipe::Unlikely, O> Sendable<O, Stays> for T {
    type Outputs = O;

    fn sendable(outputs: O) -> O {
        outputs
    }
}
