//! What can be a sink: a topic, a cache, `print`, or any function of one argument.
//!
//! Two questions, asked apart so that a wrong sink gives one error in the user's words: what is it (by method level,
//! always answered), and does it take what the handler sends (one bound each, with its own message).

mod batch;
mod function;
mod offer;
mod outputs;
mod print;

pub use batch::{Batch, batch};
pub use function::closure;
pub(crate) use offer::Resource;
pub use offer::{Declared, DeclaredAsIs, NotDeclared, Offer, OfferFn, OfferOther, OfferTwo};
pub use outputs::Outputs;
pub(crate) use outputs::Sends;
pub use print::{ShownByDebug, ShownByNeither, print};

use crate::ledger;
use crate::step::{Interrupt, Step};
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

/// A sink that takes a `T`.
pub trait Ready<T> {
    /// Gives it one output; `at` is the sink's number in the handler's list.
    fn give(&self, item: T, step: &Step, at: usize) -> impl Future<Output = Result<(), Interrupt>> + Send;

    /// Tells how an output is copied, to sinks that call again by themselves.
    fn copied_by(&self, _: fn(&T) -> T) {}
}

/// The type of a handler's outputs, and how `print` shows it: known before there is one.
pub struct Shown<T, P>(PhantomData<fn() -> (T, P)>);

impl<T, P> Clone for Shown<T, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, P> Copy for Shown<T, P> {}

impl<T, P> Shown<T, P> {
    pub(crate) fn new() -> Self {
        Shown(PhantomData)
    }
}

/// What stands for the handler where a bound is about what it sends. Not the output itself: the compiler would offer to
/// lend that by `&`, in its own words.
pub struct Sending;

/// Asks how a handler's outputs are shown.
pub struct SentBy<T>(PhantomData<fn() -> T>);

/// The type of what these outputs send.
pub fn sent_by<O: Outputs + Sends>(_: &O) -> SentBy<O::Item> {
    SentBy(PhantomData)
}

/// Copies an output for all sinks but the last.
pub fn copies<T, P>(_: Shown<T, P>) -> fn(&T) -> T
where
    Sending: Copies<T>,
{
    Sending::copy
}

/// What several sinks need of an output, and a sink that is called again.
#[diagnostic::on_unimplemented(
    message = "several sinks, and `retry`, need a message that can be cloned",
    label = "the handler sends `{T}`, which is not `Clone`"
)]
pub trait Copies<T> {
    /// A copy.
    fn copy(item: &T) -> T;
}

#[diagnostic::do_not_recommend]
impl<T: Clone> Copies<T> for Sending {
    fn copy(item: &T) -> T {
        item.clone()
    }
}

/// Gives an output to a sink.
///
/// # Errors
/// What the sink failed with.
#[inline]
pub fn send<'a, T, S: Ready<T>>(
    step: &'a Step,
    at: usize,
    item: T,
    sink: &'a S,
) -> impl Future<Output = Result<(), Interrupt>> + Send + use<'a, T, S> {
    step.outputs(at).offered.add(1);
    sink.give(item, step, at)
}

/// Gives an output to a sink, again if it fails and the policy says so: the sink alone, not the handler.
///
/// # Errors
/// What the sink failed with the last time.
pub async fn resend<T: Send, S: Ready<T> + Sync>(
    step: &Step,
    at: usize,
    item: T,
    sink: &S,
) -> Result<(), Interrupt>
where
    Sending: Copies<T>,
{
    let Some(retry) = step.about().policy.retry else { return send(step, at, item, sink).await };
    sink.copied_by(Sending::copy);
    for attempt in 0..retry.times {
        // In an async block, since a function that is not async is called before anything is polled.
        let mut given = std::pin::pin!(async { send(step, at, Sending::copy(&item), sink).await });
        let given = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| given.as_mut().poll(cx))) {
            Ok(polled) => polled,
            Err(panic) => Poll::Ready(Err(Interrupt::panicked(&*panic))),
        });
        match given.await {
            Err(Interrupt::Failed(_)) => {
                step.counts().retries.add(1);
                step.rests(true);
                step.app().clock.sleep(retry.backoff.wait(attempt)).await;
                step.rests(false);
            }
            done => return done,
        }
    }
    send(step, at, item, sink).await
}

/// An output in a sink's hands: if it is dropped there, the sink has failed.
pub struct InHand<'a>(Option<&'a ledger::Outputs>);

impl<'a> InHand<'a> {
    #[inline]
    pub(crate) fn take(outputs: &'a ledger::Outputs) -> Self {
        outputs.in_hand.add(1);
        InHand(Some(outputs))
    }

    /// Before a function is called: holds what the step has touched, so that the call is not made in vain.
    pub(crate) async fn held(self, step: &Step) -> Result<Self, Interrupt> {
        match step.hold().await {
            Ok(()) => Ok(self),
            Err(interrupt) => {
                self.withdrawn();
                Err(interrupt)
            }
        }
    }

    /// Its step runs again: nobody has seen it.
    fn withdrawn(mut self) {
        if let Some(outputs) = self.0.take() {
            outputs.in_hand.sub(1);
            outputs.withdrawn.add(1);
        }
    }

    /// The sink took it.
    #[inline]
    pub(crate) fn delivered(mut self) {
        if let Some(outputs) = self.0.take() {
            outputs.in_hand.sub(1);
            outputs.delivered.add(1);
        }
    }

    /// It becomes visible with the end of the step, where it is counted.
    #[inline]
    pub(crate) fn kept(mut self) {
        self.0 = None;
    }

    /// It is sent at the end of the step, and counted by whoever learns what became of it.
    pub(crate) fn staged(mut self) {
        if let Some(outputs) = self.0.take() {
            outputs.open.add_shared(1);
            outputs.in_hand.sub(1);
        }
    }
}

impl Drop for InHand<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(outputs) = self.0.take() {
            outputs.in_hand.sub(1);
            outputs.failed.add(1);
        }
    }
}
