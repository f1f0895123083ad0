//! The message as an argument: by value or by `&`, whole or a record's value.

use crate::error::Result;
use crate::keys::Key;
use crate::lane::Message;
use crate::log::murmur2;
use crate::step::Step;
use crate::topic::{Record, TopicKey};
use std::marker::PhantomData;

/// Told apart by these, which nobody writes: the message itself, a record's value, its key and value, something beside.
pub struct Whole;
/// As above.
pub struct Value;
/// As above.
pub struct Pair;
/// As above.
pub struct Beside;

/// What a handler of a source that yields `T` may take as an argument; `D` describes the record that it came from.
#[diagnostic::on_unimplemented(
    message = "a handler of this source cannot take a `{Self}`",
    label = "the source yields `{T}`",
    note = "an argument is the message itself (of a topic: the value, the `Record`, or `(key, value)`), or one of \
            `State<T>`, `Key<K>`, `EventTime`, `Headers`, `Ctx`"
)]
pub trait Argument<T, D, M>: Sized {
    /// What is known of it while the message is still needed by others.
    type Held;

    /// Looks at the message without taking it.
    ///
    /// # Errors
    /// If what is asked for is not there.
    fn look(message: &Message<T, D>, step: &Step) -> Result<Self::Held>;
}

/// The argument is the message: it is taken when all others have looked.
pub struct Claim<A, M>(PhantomData<fn() -> (A, M)>);

/// An argument that is not the message.
pub struct Held<A>(pub(crate) A);

/// How a message becomes the argument that claims it.
pub trait Convert<T, M> {
    /// Makes it.
    fn convert(item: T) -> Self;
}

impl<T> Convert<T, Whole> for T {
    fn convert(item: T) -> T {
        item
    }
}

impl<K, V> Convert<Record<K, V>, Value> for V {
    fn convert(item: Record<K, V>) -> V {
        item.value
    }
}

impl<K, V> Convert<Record<K, V>, Pair> for (K, V) {
    fn convert(item: Record<K, V>) -> (K, V) {
        (item.key, item.value)
    }
}

macro_rules! claims {
    ($([$($generics:ident)*] $argument:ty, $message:ty, $marker:ty;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($generics,)* D> Argument<$message, D, $marker> for $argument {
            type Held = Claim<$argument, $marker>;

            fn look(_: &Message<$message, D>, _: &Step) -> Result<Self::Held> {
                Ok(Claim(PhantomData))
            }
        }
    )*};
}

claims! {
    [T] T, T, Whole;
    [K V] V, Record<K, V>, Value;
    [K V] (K, V), Record<K, V>, Pair;
}

/// The one argument of a handler that has one.
///
/// # Errors
/// If it is not there, or the message was given away to a call before and cannot be copied.
#[inline]
pub fn argument<A, T, D, M>(message: &mut Message<T, D>, copy: Option<fn(&T) -> T>, step: &Step) -> Result<A>
where
    A: Argument<T, D, M>,
    A::Held: Complete<A, T>,
{
    let held = A::look(message, step)?;
    held.complete(message, copy, step)
}

/// Makes an argument out of what was held of it.
pub trait Complete<A, T> {
    /// Takes the message if the argument claims it.
    ///
    /// # Errors
    /// If the message was given away before and cannot be copied.
    fn complete<D>(self, message: &mut Message<T, D>, copy: Option<fn(&T) -> T>, step: &Step) -> Result<A>;
}

impl<A: Convert<T, M>, T, M> Complete<A, T> for Claim<A, M> {
    fn complete<D>(self, message: &mut Message<T, D>, copy: Option<fn(&T) -> T>, step: &Step) -> Result<A> {
        Ok(A::convert(message.give(copy, step)?))
    }
}

impl<A, T> Complete<A, T> for Held<A> {
    fn complete<D>(self, _: &mut Message<T, D>, _: Option<fn(&T) -> T>, _: &Step) -> Result<A> {
        Ok(self.0)
    }
}

/// One of several arguments: what it is, before anyone takes the message.
///
/// # Errors
/// If it is not there.
pub fn look<A, T, D, M>(message: &Message<T, D>, step: &Step) -> Result<A::Held>
where
    A: Argument<T, D, M>,
{
    A::look(message, step)
}

/// What is left for an argument to take: the message, or nothing any more.
pub struct Rest<R>(R);

/// The message, before an argument has taken it.
pub struct Untaken<'m, T, D> {
    message: &'m mut Message<T, D>,
    copy: Option<fn(&T) -> T>,
    step: &'m Step,
}

/// Stands where a message was.
pub struct Taken;

impl<'m, T, D> Rest<Untaken<'m, T, D>> {
    /// Of a message that is given away.
    pub fn of(message: &'m mut Message<T, D>, copy: Option<fn(&T) -> T>, step: &'m Step) -> Self {
        Rest(Untaken { message, copy, step })
    }
}

impl Rest<Taken> {
    /// Of a message that is only looked at.
    pub fn taken() -> Self {
        Rest(Taken)
    }
}

impl<R> Rest<R> {
    /// Gives an argument its due.
    ///
    /// # Errors
    /// If the message was given away to a call before and cannot be copied.
    pub fn take<H: TakeFrom<R>>(self, held: H) -> Result<(H::Argument, Rest<H::Left>)> {
        let (argument, left) = held.take_from(self.0)?;
        Ok((argument, Rest(left)))
    }
}

/// What an argument takes of the message.
#[diagnostic::on_unimplemented(
    message = "a handler takes one message, and another argument already is it",
    label = "a second message",
    note = "several messages at once are a pipe's work, such as `pairwise` or `chunks`"
)]
pub trait TakeFrom<R> {
    /// The argument.
    type Argument;
    /// What is left for the others.
    type Left;

    /// Takes it.
    ///
    /// # Errors
    /// If the message was given away to a call before and cannot be copied.
    fn take_from(self, rest: R) -> Result<(Self::Argument, Self::Left)>;
}

#[diagnostic::do_not_recommend]
impl<A: Convert<T, M>, T, D, M> TakeFrom<Untaken<'_, T, D>> for Claim<A, M> {
    type Argument = A;
    type Left = Taken;

    fn take_from(self, rest: Untaken<'_, T, D>) -> Result<(A, Taken)> {
        Ok((A::convert(rest.message.give(rest.copy, rest.step)?), Taken))
    }
}

#[diagnostic::do_not_recommend]
impl<A, R> TakeFrom<R> for Held<A> {
    type Argument = A;
    type Left = R;

    fn take_from(self, rest: R) -> Result<(A, R)> {
        Ok((self.0, rest))
    }
}

/// What a handler of a source that yields `Self` may take by `&`.
#[diagnostic::on_unimplemented(
    message = "a handler of this source cannot take a `&{A}`",
    label = "the source yields `{Self}`"
)]
pub trait View<A: ?Sized, M> {
    /// The part that is looked at.
    fn view(&self) -> &A;
}

#[diagnostic::do_not_recommend]
impl<T> View<T, Whole> for T {
    fn view(&self) -> &T {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<K, V> View<V, Value> for Record<K, V> {
    fn view(&self) -> &V {
        &self.value
    }
}

/// Told apart by this: a `str` in a `String`, a slice in a `Vec`.
pub struct Within;

#[diagnostic::do_not_recommend]
impl View<str, Within> for String {
    fn view(&self) -> &str {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<T> View<[T], Within> for Vec<T> {
    fn view(&self) -> &[T] {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<T: ?Sized> View<T, Within> for &T {
    fn view(&self) -> &T {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<K> View<str, (Value, Within)> for Record<K, String> {
    fn view(&self) -> &str {
        &self.value
    }
}

/// The message by `&`.
pub fn view<A: ?Sized, T: View<A, M>, M>(item: &T) -> &A {
    item.view()
}

/// What every source's messages must become, where a handler has several.
#[diagnostic::on_unimplemented(
    message = "the messages of this source cannot become the handler's",
    label = "this source yields `{Self}`, the handler takes `{A}`",
    note = "with several sources, `{A}` needs a `From<{Self}>`"
)]
pub trait Mixes<A, M> {
    /// The handler's message.
    fn mix(self) -> A;
}

#[diagnostic::do_not_recommend]
impl<T: Into<A>, A> Mixes<A, Whole> for T {
    fn mix(self) -> A {
        self.into()
    }
}

#[diagnostic::do_not_recommend]
impl<K, V: Into<A>, A> Mixes<A, Value> for Record<K, V> {
    fn mix(self) -> A {
        self.value.into()
    }
}

/// Makes the handler's message out of one source's.
pub fn mixed<A, T: Mixes<A, M>, M>(item: T) -> A {
    item.mix()
}

/// A fixed number for each message, by its key: messages of one key stay in order.
pub fn keyed<A: ?Sized, T, K, M>(key: impl Fn(&A) -> K) -> impl Fn(&T) -> u32
where
    T: View<A, M>,
    K: Key,
{
    move |item| hash(&key(item.view()))
}

/// The same, by the keys of records.
pub fn by_record<T: HasKey>() -> impl Fn(&T) -> u32 {
    |item| item.hash()
}

/// A message that has a key by itself.
#[diagnostic::on_unimplemented(
    message = "`concurrency` keeps the messages of one key in order, and `{Self}` has no key",
    label = "say what the key is by `key = |message| ..`"
)]
pub trait HasKey {
    /// A fixed number for the key.
    fn hash(&self) -> u32;
}

impl<K: TopicKey, V> HasKey for Record<K, V> {
    fn hash(&self) -> u32 {
        self.key.write().map_or(0, |bytes| murmur2(&bytes))
    }
}

fn hash<K: Key>(key: &K) -> u32 {
    let mut bytes = Vec::new();
    key.encode(&mut bytes);
    murmur2(&bytes)
}
