//! Arguments beside the message: what the app was given, and what describes the record.

use super::argument::{Argument, Beside, Held};
use crate::error::{Error, ErrorKind, Result};
use crate::lane::Message;
use crate::needs::Needs;
use crate::step::{Ctx, Step};
use crate::topic::{About, Record};
use chrono::{DateTime, Utc};
use std::any::TypeId;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

/// A value given to the app by `App::state`, as an argument of a handler.
///
/// ```
/// # slipstream::doc_test(async {
/// use slipstream::prelude::*;
///
/// struct Limits { low: u32 }
///
/// #[handle(source = 0..9_u32, sink = [print])]
/// fn above(n: u32, limits: State<Limits>) -> Option<u32> {
///     (n > limits.low).then_some(n)
/// }
///
/// slipstream::testing::app().handler(above).state(Limits { low: 6 }).run().await
/// # });
/// ```
#[derive(Debug)]
pub struct State<T>(Arc<T>);

impl<T> Clone for State<T> {
    fn clone(&self) -> Self {
        State(self.0.clone())
    }
}

impl<T> Deref for State<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T, D, S: Send + Sync + 'static> Argument<T, D, Beside> for State<S> {
    type Held = Held<Self>;

    fn look(_: &Message<T, D>, step: &Step) -> Result<Held<Self>> {
        let value = step.app().states.get(&TypeId::of::<S>()).cloned();
        let value = value.and_then(|value| value.downcast::<S>().ok());
        value.map(|value| Held(State(value))).ok_or_else(|| {
            let kind = std::any::type_name::<S>();
            Error::new(
                ErrorKind::Misuse,
                format!("this app has no `State<{kind}>`: give it one by `App::state`"),
            )
        })
    }
}

impl<T, D> Argument<T, D, Beside> for Ctx {
    type Held = Held<Self>;

    fn look(_: &Message<T, D>, step: &Step) -> Result<Held<Self>> {
        Ok(Held(Ctx::new(step)))
    }
}

/// The key of the record that a message came from.
///
/// ```
/// use slipstream::prelude::*;
///
/// static QUAKES: Topic<String, f64> = Topic::new("quakes");
///
/// #[handle(source = QUAKES, pipe = [values], sink = [print])]
/// fn show(magnitude: f64, id: Key<String>) -> String {
///     format!("{}: {magnitude}", id.0)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyOf<K>(pub K);

/// The event time of the record that a message came from: its timestamp, UTC.
///
/// ```
/// use slipstream::prelude::*;
///
/// static QUAKES: Topic<String, f64> = Topic::new("quakes");
///
/// #[handle(source = QUAKES, sink = [print])]
/// fn show(magnitude: f64, at: EventTime) -> String {
///     format!("{}: {magnitude}", at.0)
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventTime(pub DateTime<Utc>);

/// The headers of the record that a message came from, in the order in which they were written.
///
/// ```
/// use slipstream::prelude::*;
///
/// static QUAKES: Topic<String, f64> = Topic::new("quakes");
///
/// #[handle(source = QUAKES, sink = [print])]
/// fn show(magnitude: f64, headers: Headers) -> String {
///     format!("{magnitude} from {:?}", headers.get("agency"))
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(pub(crate) Vec<(String, Option<bytes::Bytes>)>);

impl Headers {
    /// The value of the last header of this name.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter().filter(|(found, _)| *found == name).last().map(|(_, value)| value)
    }

    /// All headers, with an empty value where there is none.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_deref().unwrap_or_default()))
    }
}

/// A message behind which a record is known: itself one, or described by one behind a pipe of ours.
#[diagnostic::on_unimplemented(
    message = "this source's messages are not records, or a pipe that is not ours lost what described them",
    label = "only a `Topic` has keys, event times and headers, and pipes of ours carry them along"
)]
pub trait Described<M> {
    /// The record's key.
    type Key;

    /// What describes the record.
    fn described(&self) -> (&Self::Key, &About);
}

/// Told apart by these: the message is a record; or it is described by one.
pub struct ItIs;
/// As above.
pub struct ItHas;

impl<K, V> Described<ItIs> for Message<Record<K, V>, ()> {
    type Key = K;

    fn described(&self) -> (&K, &About) {
        // A record is looked at before it is given away; the macro writes the extractors first.
        #[allow(clippy::expect_used)]
        let record = self.kept().expect("extractors look before the message is taken");
        (&record.key, &record.about)
    }
}

impl<K, V> Described<ItIs> for Message<crate::flow::Lent<Record<K, V>>, ()> {
    type Key = K;

    fn described(&self) -> (&K, &About) {
        #[allow(clippy::expect_used)] // as above
        let record = self.kept().expect("a lent message is never given away");
        (&record.key, &record.about)
    }
}

impl<T, K> Described<ItHas> for Message<T, Record<K, ()>> {
    type Key = K;

    fn described(&self) -> (&K, &About) {
        (&self.about.key, &self.about.about)
    }
}

impl<T, D, K: Clone, M> Argument<T, D, (Beside, M)> for KeyOf<K>
where
    Message<T, D>: Described<M, Key = K>,
{
    type Held = Held<Self>;

    fn look(message: &Message<T, D>, _: &Step) -> Result<Held<Self>> {
        Ok(Held(KeyOf(message.described().0.clone())))
    }
}

impl<T, D, M> Argument<T, D, (Beside, M)> for EventTime
where
    Message<T, D>: Described<M>,
{
    type Held = Held<Self>;

    fn look(message: &Message<T, D>, step: &Step) -> Result<Held<Self>> {
        // A record without a timestamp is as old as its reading.
        let time = message.described().1.timestamp.and_then(DateTime::from_timestamp_millis);
        Ok(Held(EventTime(time.unwrap_or_else(|| step.app().clock.now()))))
    }
}

impl<T, D, M> Argument<T, D, (Beside, M)> for Headers
where
    Message<T, D>: Described<M>,
{
    type Held = Held<Self>;

    fn look(message: &Message<T, D>, _: &Step) -> Result<Held<Self>> {
        Ok(Held(Headers(message.described().1.headers.clone())))
    }
}

/// Asks what an argument's type needs of the app, for preflight.
pub struct Asks<A>(PhantomData<fn() -> A>);

impl<A> Asks<A> {
    /// For this type.
    pub fn of() -> Self {
        Asks(PhantomData)
    }
}

impl<S: Send + Sync + 'static> Asks<State<S>> {
    /// The app must have been given a value of this type.
    pub fn ask(self, needs: &mut Needs) {
        needs.state(TypeId::of::<S>(), std::any::type_name::<S>());
    }
}

/// For arguments that need nothing of the app.
pub trait AsksNothing: Sized {
    /// Nothing is needed.
    fn ask(self, _: &mut Needs) {}
}

impl<A> AsksNothing for Asks<A> {}
