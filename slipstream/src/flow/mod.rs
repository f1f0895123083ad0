//! What a pipe receives: the messages of a source, traced on their way to the handler.
//!
//! Adapters of ours see the trace and say what they filter and hold. Any other function from a stream to a stream sees
//! plain messages; what it does with them is told from when it asks and when it answers.

mod feed;
mod foreign;
mod merged;

pub use feed::{Feed, Lent};
pub(crate) use feed::{Parcel, Slot, Supply};
pub(crate) use foreign::Foreign;
pub use merged::Merged;

use crate::breath::Breath;
use crate::pulled::Traced;
use crate::step::Step;
use futures_core::Stream;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::task::{Context, Poll};

/// The messages of a source on their way to a handler: a `Stream` of plain messages to whoever reads it as one.
///
/// ```
/// use slipstream::prelude::*;
///
/// fn doubled(flow: impl Stream<Item = u32> + Send) -> impl Stream<Item = u32> + Send {
///     flow.map(|n| n * 2)
/// }
///
/// #[handle(source = 0..3_u32, pipe = [doubled], sink = [print])]
/// fn show(n: u32) -> u32 { n }
/// ```
pub struct Flow<S> {
    pub(crate) stages: S,
    pub(crate) step: Step,
    /// How many messages the foreign pipe that reads this flow has in its hands.
    hand: Hand,
    breath: Breath,
}

/// The messages in a foreign pipe's hands: those of its newest pull.
#[derive(Clone, Default)]
pub(crate) struct Hand(Arc<Hands>);

#[derive(Default)]
struct Hands {
    count: AtomicU32,
    /// Whether the pipe has asked for more since: then it is not working on these, but keeps them.
    asked: AtomicBool,
}

impl Hand {
    fn put(&self, count: u32, step: &Step) -> u32 {
        let before = self.0.count.load(Relaxed);
        self.0.count.store(count, Relaxed);
        if self.0.asked.load(Relaxed) {
            self.0.asked.store(false, Relaxed);
            step.asks(before, false);
        }
        before
    }

    fn count(&self) -> u32 {
        self.0.count.load(Relaxed)
    }

    /// The pipe asks for more, and there is nothing yet.
    fn ask(&self, step: &Step) {
        let count = self.count();
        if count > 0 && !self.0.asked.swap(true, Relaxed) {
            step.asks(count, true);
        }
    }
}

impl<S> Flow<S> {
    pub(crate) fn new(stages: S, step: Step) -> Self {
        Flow { stages, step, hand: Hand::default(), breath: Breath::new() }
    }

    /// Puts an adapter of ours on top.
    pub(crate) fn then<U>(self, adapter: impl FnOnce(S, Step) -> U) -> Flow<U> {
        let step = self.step.clone();
        Flow::new(adapter(self.stages, self.step), step)
    }

    pub(crate) fn hand(&self) -> Hand {
        self.hand.clone()
    }
}

impl<S, T, D> Flow<S>
where
    S: Stream<Item = Traced<T, D>> + Unpin,
{
    /// The next message with its trace.
    #[inline]
    pub(crate) fn poll_traced(&mut self, cx: &mut Context<'_>) -> Poll<Option<Traced<T, D>>> {
        Pin::new(&mut self.stages).poll_next(cx)
    }
}

/// A stream of traced messages, by what it carries: so that a pipe that wants other messages is told of messages.
pub trait Stages {
    /// The messages.
    type Message;

    /// The next one, with what it stands for.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<(Self::Message, u32)>>;
}

impl<S, T, D> Stages for S
where
    S: Stream<Item = Traced<T, D>> + Unpin,
{
    type Message = T;

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<(T, u32)>> {
        Pin::new(self).poll_next(cx).map(|next| next.map(|traced| (traced.item, traced.count)))
    }
}

/// A foreign pipe reads: what it had in its hands, without an output since, is absorbed.
impl<S: Stages + Unpin> Stream for Flow<S> {
    type Item = S::Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Message>> {
        if self.step.has_fault() {
            // The lane has not heard of the one before yet: this pipe looks ahead.
            self.step.fault_seen_by(cx);
            return Poll::Pending;
        }
        // It has answered with nothing for long: others' turn.
        if self.hand.count() > 0 && self.breath.gives_way(cx) {
            return Poll::Pending;
        }
        let Poll::Ready(next) = self.stages.poll(cx) else {
            self.hand.ask(&self.step);
            return Poll::Pending;
        };
        // At the end what is in its hands stays there: an output may still come of it.
        let Some((item, count)) = next else {
            self.hand.ask(&self.step);
            return Poll::Ready(None);
        };
        let before = self.hand.put(count, &self.step);
        if before > 0 {
            self.step.absorbed(before);
        }
        Poll::Ready(Some(item))
    }
}
