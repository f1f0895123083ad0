//! Sources that can be resumed: each item comes with its position, and the source is opened behind the last that is done.
//!
//! Within the app an item's place is its number since the very first; the source's own position goes with it into the
//! store, in the commit that makes what came of the item safe.

use super::{Positions, Private, Shared, Source, SourceId};
use crate::codec::{Codec as _, MessagePack};
use crate::error::{Error, ErrorKind};
use crate::pulled::{At as Numbered, Fault, Opened, Pulled};
use crate::source::kinds::{fn_name, identity};
use futures_core::Stream;
use futures_util::{StreamExt as _, stream};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// Where a source goes on: behind the item with this position, or at its beginning.
///
/// ```
/// use slipstream::prelude::*;
///
/// fn numbers(Resume(last): Resume<u32>) -> impl Stream<Item = At<u32, String>> {
///     let first = last.map_or(0, |last| last + 1);
///     slipstream::iter((first..3).map(|n| At(n, format!("number {n}"))))
/// }
///
/// #[handle(source = numbers, sink = [print])]
/// fn show(text: String) -> String { text }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resume<P>(pub Option<P>);

/// An item with its position in its source; [`Resume`] says what for.
///
/// ```
/// use slipstream::prelude::*;
/// let At(position, item) = At(7_u64, "the seventh");
/// assert_eq!((position, item), (7, "the seventh"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At<P, T>(pub P, pub T);

/// Told apart by this, which nobody writes.
pub struct AResumable;

#[diagnostic::do_not_recommend]
impl<F, P, T, S> Shared<(AResumable, P, S)> for F
where
    F: Fn(Resume<P>) -> S + Send + Sync + 'static,
    P: Serialize + DeserializeOwned + Send + 'static,
    T: Send + 'static,
    S: Stream<Item = At<P, T>> + Send + 'static,
{
    type Source = Source<T>;

    fn share(&'static self) -> Source<T> {
        source(identity::<F>(), fn_name::<F>(), self)
    }
}

#[diagnostic::do_not_recommend]
impl<F, P, T, S> Private<(AResumable, P, S)> for F
where
    F: Fn(Resume<P>) -> S + 'static,
    P: Serialize + DeserializeOwned + Send + 'static,
    T: Send + 'static,
    S: Stream<Item = At<P, T>> + Send + 'static,
{
    type Item = T;

    fn open(name: &str, make: impl Fn() -> F + Send + Sync + 'static) -> Source<T> {
        source(SourceId::Private, name.to_owned(), move |resume| make()(resume))
    }
}

/// As above, for iterators.
pub struct AResumableIterator;

#[diagnostic::do_not_recommend]
impl<F, P, T, I> Shared<(AResumableIterator, P, I)> for F
where
    F: Fn(Resume<P>) -> I + Send + Sync + 'static,
    P: Serialize + DeserializeOwned + Send + 'static,
    T: Send + 'static,
    I: IntoIterator<Item = At<P, T>, IntoIter: Send + 'static>,
{
    type Source = Source<T>;

    fn share(&'static self) -> Source<T> {
        source(identity::<F>(), fn_name::<F>(), |resume| stream::iter(self(resume)))
    }
}

#[diagnostic::do_not_recommend]
impl<F, P, T, I> Private<(AResumableIterator, P, I)> for F
where
    F: Fn(Resume<P>) -> I + 'static,
    P: Serialize + DeserializeOwned + Send + 'static,
    T: Send + 'static,
    I: IntoIterator<Item = At<P, T>, IntoIter: Send + 'static>,
{
    type Item = T;

    fn open(name: &str, make: impl Fn() -> F + Send + Sync + 'static) -> Source<T> {
        source(SourceId::Private, name.to_owned(), move |resume| stream::iter(make()(resume)))
    }
}

fn source<P, T, S>(
    id: SourceId,
    name: String,
    make: impl Fn(Resume<P>) -> S + Send + Sync + 'static,
) -> Source<T>
where
    P: Serialize + DeserializeOwned + Send + 'static,
    T: Send + 'static,
    S: Stream<Item = At<P, T>> + Send + 'static,
{
    let open = Arc::new(move |opening: &super::Opening| {
        let resumes = opening.resumes.clone().unwrap_or_default();
        let last = resumes.last.as_deref().map(MessagePack::decode).transpose().map_err(|error| {
            let text = format!(
                "the position of `{}` cannot be read: was its type changed? give the handler another `name` to \
                 begin anew",
                opening.name
            );
            Error::caused(ErrorKind::Codec, text, error)
        })?;
        let mut next = resumes.first;
        let items = make(Resume(last)).map(move |At(position, item)| {
            let offset = next;
            next += 1;
            let item = match MessagePack::encode(&position) {
                Ok(position) => {
                    resumes.passes(offset, position[..].into());
                    Ok(item)
                }
                Err(error) => Err(Fault::new(
                    Error::caused(ErrorKind::Codec, "the position of an item cannot be written", error),
                    None,
                )),
            };
            Pulled { item, at: Some(Numbered { partition: 0, offset, epoch: 0 }) }
        });
        Ok(Box::pin(items) as Opened<T>)
    });
    Source::of_pulled(id, name, open, Positions::Own)
}
