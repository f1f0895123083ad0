//! The message as an argument: by value or by `&`, whole or a record's value.

use crate::error::{Error, ErrorKind, Result};
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
            `State<T>`, `Key<K>`, `EventTime`, `Headers`, `Downtime`, `Ctx`"
)]
pub trait Argument<T, D, M>: Sized {
    /// Looks at the message without taking it; `None` if the argument is the message, which is taken when all others
    /// have looked.
    ///
    /// # Errors
    /// If what is asked for is not there.
    fn look(message: &Message<T, D>, step: &Step) -> Result<Option<Self>>;

    /// The argument of a handler that has no other.
    ///
    /// # Errors
    /// As `look`, or if the message was given away to a call before and cannot be copied.
    fn take(message: &mut Message<T, D>, copy: Option<fn(&T) -> T>, step: &Step) -> Result<Self>;
}

/// An argument that has looked; its marker says whether it is the message.
pub struct Looked<A, M>(Option<A>, PhantomData<fn() -> M>);

/// The markers of arguments that are the message.
pub trait Claims {}

impl Claims for Whole {}
impl Claims for Value {}
impl Claims for Pair {}

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
            fn look(_: &Message<$message, D>, _: &Step) -> Result<Option<Self>> {
                Ok(None)
            }

            #[inline]
            fn take(
                message: &mut Message<$message, D>,
                copy: Option<fn(&$message) -> $message>,
                step: &Step,
            ) -> Result<Self> {
                Ok(<Self as Convert<$message, $marker>>::convert(message.give(copy, step)?))
            }
        }
    )*};
}

claims! {
    [T] T, T, Whole;
    [K V] V, Record<K, V>, Value;
    [K V] (K, V), Record<K, V>, Pair;
}

/// What an argument is to be, before what is asked of the message for it.
pub struct As<A: ?Sized>(PhantomData<A>);

impl<A> As<A> {
    /// The one argument of a handler that has one.
    ///
    /// # Errors
    /// If it is not there, or the message was given away to a call before and cannot be copied.
    #[inline]
    pub fn take<T, D, M>(message: &mut Message<T, D>, copy: Option<fn(&T) -> T>, step: &Step) -> Result<A>
    where
        A: Argument<T, D, M>,
    {
        A::take(message, copy, step)
    }

    /// One of several arguments: what it is, before anyone takes the message.
    ///
    /// # Errors
    /// If it is not there.
    pub fn look<T, D, M>(message: &Message<T, D>, step: &Step) -> Result<Looked<A, M>>
    where
        A: Argument<T, D, M>,
    {
        Ok(Looked(A::look(message, step)?, PhantomData))
    }
}

impl<A: ?Sized> As<A> {
    /// The message by `&`.
    #[inline]
    pub fn view<T: View<A, M>, M>(item: &T) -> &A {
        item.view()
    }
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
    pub fn take<A, M>(self, looked: Looked<A, M>) -> Result<(A, Rest<<Looked<A, M> as TakeFrom<R>>::Left>)>
    where
        Looked<A, M>: TakeFrom<R, Argument = A>,
    {
        let (argument, left) = looked.take_from(self.0)?;
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
impl<A: Convert<T, M>, T, D, M: Claims> TakeFrom<Untaken<'_, T, D>> for Looked<A, M> {
    type Argument = A;
    type Left = Taken;

    fn take_from(self, rest: Untaken<'_, T, D>) -> Result<(A, Taken)> {
        Ok((A::convert(rest.message.give(rest.copy, rest.step)?), Taken))
    }
}

/// What an argument beside the message has looked up.
pub(super) fn alone<A>(looked: Result<Option<A>>) -> Result<A> {
    looked?.ok_or_else(|| Error::new(ErrorKind::Misuse, "an argument was not there"))
}

macro_rules! asides {
    ($([$($generic:ident)?] $marker:ty;)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<A, R $(, $generic)?> TakeFrom<R> for Looked<A, $marker> {
            type Argument = A;
            type Left = R;

            fn take_from(self, rest: R) -> Result<(A, R)> {
                Ok((alone(Ok(self.0))?, rest))
            }
        }
    )*};
}

asides! {
    [] Beside;
    [M] (Beside, M);
}

/// What a handler of a source that yields `Self` may take by `&`.
#[diagnostic::on_unimplemented(
    message = "a handler of this source cannot take a `&{A}`",
    label = "the source yields `{Self}`",
    note = "by `&` it takes the message itself; of a topic the value or the `Record`, and `(key, value)` by value; what \
            `App::state` was given is a `State<T>`"
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

/// How a message's lane is chosen where `concurrency` asks for several.
pub(super) type Router<T> = Box<dyn Fn(&T) -> u32 + Send>;

/// A fixed number for each message, by its key: messages of one key stay in order.
pub fn keyed<A: ?Sized, T, K, M>(key: impl Fn(&A) -> K + Send + 'static) -> Router<T>
where
    T: View<A, M>,
    K: Key,
{
    Box::new(move |item| hash(&key(item.view())))
}

/// The same, by the keys of records.
pub fn by_record<T: HasKey + 'static>() -> Router<T> {
    Box::new(T::hash)
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
