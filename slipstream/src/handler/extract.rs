//! Arguments beside the message: what the app was given, and what describes the record.

use super::argument::{Argument, Beside, alone};
use crate::error::{Error, ErrorKind, Result};
use crate::flow::Lent;
use crate::lane::Message;
use crate::needs::Needs;
use crate::step::{Ctx, Step};
use crate::topic::{About, Headers, Record};
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
    fn look(_: &Message<T, D>, step: &Step) -> Result<Option<Self>> {
        let value = step.app().states.get(&TypeId::of::<S>()).cloned();
        let value = value.and_then(|value| value.downcast::<S>().ok());
        value.map(|value| Some(State(value))).ok_or_else(|| {
            let kind = std::any::type_name::<S>();
            Error::new(
                ErrorKind::Misuse,
                format!("this app has no `State<{kind}>`: give it one by `App::state`"),
            )
        })
    }

    fn take(message: &mut Message<T, D>, _: Option<fn(&T) -> T>, step: &Step) -> Result<Self> {
        alone(Self::look(message, step))
    }
}

impl<T, D> Argument<T, D, Beside> for Ctx {
    fn look(_: &Message<T, D>, step: &Step) -> Result<Option<Self>> {
        Ok(Some(Ctx::new(step)))
    }

    fn take(message: &mut Message<T, D>, _: Option<fn(&T) -> T>, step: &Step) -> Result<Self> {
        alone(Self::look(message, step))
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

/// A message behind which a record is known: itself one, or described by one behind a pipe of ours.
#[diagnostic::on_unimplemented(
    message = "this source's messages are not records, or a pipe that is not ours lost what described them",
    label = "only a `Topic` has keys, event times and headers, and pipes of ours carry them along"
)]
pub trait Described<M> {
    /// What describes the record.
    fn about(&self) -> &About;
}

/// A message whose record has a key of this type.
#[diagnostic::on_unimplemented(
    message = "this source's messages have no key of type `{K}`",
    label = "only a `Topic` has keys, of its first type, and pipes of ours carry them along"
)]
pub trait KeyedBy<K, M> {
    /// The key.
    fn key(&self) -> &K;
}

/// Told apart by these: the message is a record; it is a lent one; or it is described by one.
pub struct ItIs;
/// As above.
pub struct ItIsLent;
/// As above.
pub struct ItHas;

/// How each kind of message leads to its record.
macro_rules! described {
    ($([$($generic:ident)*] $message:ty, $marker:ty, $this:ident => $record:expr;)*) => {$(
        impl<$($generic,)* K> Described<$marker> for $message {
            fn about(&self) -> &About {
                let $this = self;
                &$record.about
            }
        }

        impl<$($generic,)* K> KeyedBy<K, $marker> for $message {
            fn key(&self) -> &K {
                let $this = self;
                &$record.key
            }
        }
    )*};
}

described! {
    [V] Message<Record<K, V>, ()>, ItIs, this => this.looked_at();
    [V] Message<Lent<Record<K, V>>, ()>, ItIsLent, this => (**this.looked_at());
    [T] Message<T, Record<K, ()>>, ItHas, this => this.about;
}

impl<T, D, K: Clone, M> Argument<T, D, (Beside, M)> for KeyOf<K>
where
    Message<T, D>: KeyedBy<K, M>,
{
    fn look(message: &Message<T, D>, _: &Step) -> Result<Option<Self>> {
        Ok(Some(KeyOf(message.key().clone())))
    }

    fn take(message: &mut Message<T, D>, _: Option<fn(&T) -> T>, step: &Step) -> Result<Self> {
        alone(Self::look(message, step))
    }
}

/// The time of a record; one without is as old as its reading.
pub(super) fn event_time(about: &About, step: &Step) -> DateTime<Utc> {
    let time = about.timestamp.and_then(DateTime::from_timestamp_millis);
    time.unwrap_or_else(|| step.app().clock.now())
}

impl<T, D, M> Argument<T, D, (Beside, M)> for EventTime
where
    Message<T, D>: Described<M>,
{
    fn look(message: &Message<T, D>, step: &Step) -> Result<Option<Self>> {
        Ok(Some(EventTime(event_time(message.about(), step))))
    }

    fn take(message: &mut Message<T, D>, _: Option<fn(&T) -> T>, step: &Step) -> Result<Self> {
        alone(Self::look(message, step))
    }
}

impl<T, D, M> Argument<T, D, (Beside, M)> for Headers
where
    Message<T, D>: Described<M>,
{
    fn look(message: &Message<T, D>, _: &Step) -> Result<Option<Self>> {
        Ok(Some(message.about().headers.clone()))
    }

    fn take(message: &mut Message<T, D>, _: Option<fn(&T) -> T>, step: &Step) -> Result<Self> {
        alone(Self::look(message, step))
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
