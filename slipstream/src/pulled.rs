//! What flows from a source to a handler: a message, with what the ledger and the position need to know of it.

use crate::error::{BoxError, Error, ErrorKind};
use crate::log::Incoming;
use futures_core::Stream;
use std::pin::Pin;

/// A message's place in its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) partition: u32,
    pub(crate) offset: i64,
    /// The seek that it was read after, by number; 0 before any.
    pub(crate) epoch: u32,
}

/// What a source yields: a message, or what went wrong instead of one.
pub(crate) struct Pulled<T> {
    pub(crate) item: Result<T, Fault>,
    pub(crate) at: Option<At>,
}

/// A message that could not be made. Boxed, so that messages which were made stay small.
pub(crate) struct Fault(Box<(Error, Option<Incoming>)>);

/// An opened source.
pub(crate) type Opened<T> = Pin<Box<dyn Stream<Item = Pulled<T>> + Send>>;

/// A message on its way through pipes: `about` describes the record that it came from, `count` says how many messages
/// of the source it stands for.
#[derive(Debug)]
pub struct Traced<T, D> {
    pub(crate) item: T,
    pub(crate) about: D,
    pub(crate) count: u32,
}

impl<T, D> Traced<T, D> {
    /// The same trace with another message.
    #[inline]
    pub(crate) fn with<U>(self, make: impl FnOnce(T) -> U) -> Traced<U, D> {
        Traced { item: make(self.item), about: self.about, count: self.count }
    }
}

impl Fault {
    /// What is wrong, and the record as it came, where there was one.
    pub(crate) fn new(error: Error, raw: Option<Incoming>) -> Self {
        Fault(Box::new((error, raw)))
    }

    pub(crate) fn into_parts(self) -> (Error, Option<Incoming>) {
        *self.0
    }

    /// The same fault for another handler.
    pub(crate) fn copy(&self) -> Self {
        let (error, raw) = &*self.0;
        Fault::new(error.copy(), raw.clone())
    }

    /// What preflight refuses, should it come to pass all the same.
    pub(crate) fn cannot_copy() -> Self {
        let text = "several handlers take this message by value and it has no `Clone`: take it by `&`";
        Fault::new(Error::new(ErrorKind::Misuse, text), None)
    }

    /// An error that a source yielded in place of a message.
    pub(crate) fn yielded(error: impl Into<BoxError>) -> Self {
        Fault::new(Error::boxed(error), None)
    }
}
