//! The kinds of sources, told apart by what they are.

use super::{Source, SourceId};
use futures_core::Stream;
use std::any::TypeId;

/// Told apart by these, which nobody writes.
pub struct AStream;
/// As above, for iterators.
pub struct AnIterator;

/// What a path names: a fn that returns a stream or an iterator, or a static.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a source",
    label = "not a source",
    note = "a source is a stream, an iterator, a fn without arguments (or of a `Resume`) that returns one, or a static \
            `Topic`, `Cache` or `Channel`",
    note = "its messages, and what it holds, must be `Send` and `'static`"
)]
pub trait Shared<M>: 'static {
    /// The source; of a topic, one that has yet to be asked whether it can be read.
    type Source;

    /// The source that all who name it share.
    fn share(&'static self) -> Self::Source;
}

#[diagnostic::do_not_recommend]
impl<F, S> Shared<(AStream, S)> for F
where
    F: Fn() -> S + Send + Sync + 'static,
    S: Stream<Item: Send + 'static> + Send + 'static,
{
    type Source = Source<S::Item>;

    fn share(&'static self) -> Source<S::Item> {
        Source::of_stream(identity::<F>(), fn_name::<F>(), self)
    }
}

#[diagnostic::do_not_recommend]
impl<F, I> Shared<(AnIterator, I)> for F
where
    F: Fn() -> I + Send + Sync + 'static,
    I: IntoIterator<Item: Send + 'static, IntoIter: Send + 'static>,
{
    type Source = Source<I::Item>;

    fn share(&'static self) -> Source<I::Item> {
        Source::of_stream(identity::<F>(), fn_name::<F>(), || futures_util::stream::iter(self()))
    }
}

/// A fn item is known by its type; anything else that can be called (a fn pointer in a static) is not one thing.
pub(super) fn identity<F: 'static>() -> SourceId {
    if size_of::<F>() == 0 { SourceId::Fn(TypeId::of::<F>()) } else { SourceId::Private }
}

/// The path of a fn item, without the crate and without the wrapping of the macro.
pub(super) fn fn_name<F>() -> String {
    let full = std::any::type_name::<F>();
    let plain = full.split('<').next().unwrap_or(full);
    plain.split_once("::").map_or(plain, |(_, rest)| rest).to_owned()
}

/// What an expression is worth: a stream or an iterator.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a source",
    label = "not a source",
    note = "a source is a stream, an iterator, a fn without arguments (or of a `Resume`) that returns one, or a static \
            `Topic`, `Cache` or `Channel`",
    note = "its messages, and what it holds, must be `Send` and `'static`"
)]
pub trait Private<M>: Sized {
    /// What it yields.
    type Item: Send + 'static;

    /// The source that only this handler has.
    fn open(name: &str, make: impl Fn() -> Self + Send + Sync + 'static) -> Source<Self::Item>;
}

#[diagnostic::do_not_recommend]
impl<S> Private<AStream> for S
where
    S: Stream<Item: Send + 'static> + Send + 'static,
{
    type Item = S::Item;

    fn open(name: &str, make: impl Fn() -> S + Send + Sync + 'static) -> Source<S::Item> {
        Source::of_stream(SourceId::Private, name.to_owned(), make)
    }
}

#[diagnostic::do_not_recommend]
impl<I> Private<AnIterator> for I
where
    I: IntoIterator<Item: Send + 'static, IntoIter: Send + 'static> + 'static,
{
    type Item = I::Item;

    fn open(name: &str, make: impl Fn() -> I + Send + Sync + 'static) -> Source<I::Item> {
        Source::of_stream(SourceId::Private, name.to_owned(), move || futures_util::stream::iter(make()))
    }
}
