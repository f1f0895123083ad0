//! The message in a lane's hand, and the copies that are made of it when a call may have to be made again.

use super::Lane;
use crate::error::{Error, ErrorKind, Result};
use crate::flow::Lent;
use crate::pulled::Traced;
use crate::step::Step;

/// A message in a lane's hand, with what describes the record that it came from.
pub struct Message<T, D> {
    item: Option<T>,
    pub(crate) about: D,
    /// How many messages of the source it stands for.
    pub(super) count: u32,
}

impl<T, D> Message<T, D> {
    #[inline]
    pub(crate) fn new(traced: Traced<T, D>) -> Self {
        Message { item: Some(traced.item), about: traced.about, count: traced.count }
    }

    /// The trace again, for another lane.
    pub(crate) fn into_traced(self) -> Option<Traced<T, D>> {
        Some(Traced { item: self.item?, about: self.about, count: self.count })
    }

    /// Gives the message to a call: a copy if there may be another call and it can be copied, else itself.
    ///
    /// # Errors
    /// If it was given away before and could not be copied.
    #[inline]
    pub fn give(&mut self, copy: Option<fn(&T) -> T>, step: &Step) -> Result<T> {
        if let (Some(item), Some(copy), true) = (&self.item, copy, step.may_repeat()) {
            return Ok(copy(item));
        }
        self.item.take().ok_or_else(|| {
            Error::new(
                ErrorKind::Misuse,
                "the call has to be made again, but its message was taken by value and not copied: take it by `&`, or \
                 derive `Clone`",
            )
        })
    }

    /// The message, if it is still here.
    pub(crate) fn kept(&self) -> Option<&T> {
        self.item.as_ref()
    }

    /// The message, for an argument that looks at it before it is taken.
    pub(crate) fn looked_at(&self) -> &T {
        #[allow(clippy::expect_used)] // extractors look before the message is taken, as the macro writes them
        self.item.as_ref().expect("a message is looked at before it is taken")
    }

    /// Whether another call can be made.
    pub(crate) fn can_repeat(&self) -> bool {
        self.item.is_some()
    }

    pub(crate) fn peek(&self) -> Result<&T> {
        self.item
            .as_ref()
            .ok_or_else(|| Error::new(ErrorKind::Misuse, "the message was given away before it was read"))
    }
}

impl<T, D> Message<Lent<T>, D> {
    /// The message, seen through what lends it.
    ///
    /// # Errors
    /// Never: a lent message is not given away.
    pub fn look(&self) -> Result<&T> {
        self.peek().map(|lent| &**lent)
    }
}

/// Looks at a message that is not lent.
pub trait Look {
    /// The message's type.
    type Item;

    /// The message.
    ///
    /// # Errors
    /// If it was given away.
    fn look(&self) -> Result<&Self::Item>;
}

impl<T, D> Look for Message<T, D> {
    type Item = T;

    fn look(&self) -> Result<&T> {
        self.peek()
    }
}

/// Asks whether the messages of a lane can be copied.
pub struct Copier<T>(std::marker::PhantomData<fn() -> T>);

impl<T> Copier<T> {
    /// For the messages of this lane.
    pub fn of<S, D>(_: &Lane<S, T, D>) -> Self {
        Copier(std::marker::PhantomData)
    }

    /// For the messages of a source.
    pub fn new() -> Self {
        Copier(std::marker::PhantomData)
    }
}

impl<T> Default for Copier<T> {
    fn default() -> Self {
        Copier::new()
    }
}

impl<T: Clone> Copier<T> {
    /// How to copy one.
    pub fn copier(&self) -> Option<fn(&T) -> T> {
        Some(T::clone)
    }
}

/// For messages that have no `Clone`.
pub trait Copies<T> {
    /// They cannot be copied.
    fn copier(&self) -> Option<fn(&T) -> T>;
}

impl<T> Copies<T> for Copier<T> {
    fn copier(&self) -> Option<fn(&T) -> T> {
        None
    }
}

/// How to copy the messages of a lane, where a policy may need one again.
pub fn kept<S, T, D>(_: &Lane<S, T, D>) -> Option<fn(&T) -> T>
where
    T: Kept,
{
    Some(T::keep)
}

/// A message of which a copy is kept, for another call or for a dead-letter topic.
#[diagnostic::on_unimplemented(
    message = "a policy that needs the message again takes it by `&`, or needs `Clone`",
    label = "`{Self}` has no `Clone`"
)]
pub trait Kept: Sized {
    /// A copy.
    fn keep(&self) -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Clone> Kept for T {
    fn keep(&self) -> T {
        self.clone()
    }
}
