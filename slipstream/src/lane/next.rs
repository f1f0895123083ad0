//! Taking a message: out of the pipe, when there is room for what may come of it.

use super::{Lane, Message};
use crate::error::Result;
use crate::flow::Flow;
use crate::pulled::Traced;
use crate::step::Step;
use futures_core::Stream;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// Something that a lane waits for before it can take a message.
type Wait = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// The future of [`Lane::next`].
pub struct Next<'a, S> {
    lane: &'a mut Lane,
    flow: &'a mut Flow<S>,
    begun: bool,
    wait: Option<Wait>,
}

impl Lane {
    /// The next message that comes out of the pipe; `None` when the source has ended or the app drains.
    #[inline]
    pub fn next<'a, S>(&'a mut self, flow: &'a mut Flow<S>) -> Next<'a, S> {
        Next { lane: self, flow, begun: false, wait: None }
    }
}

impl<S, T, D> Future for Next<'_, S>
where
    S: Stream<Item = Traced<T, D>> + Unpin,
{
    type Output = Result<Option<Message<T, D>>>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Next { lane, flow, begun, wait } = &mut *self;
        if !*begun {
            *begun = true;
            lane.step.at_pipe();
            *wait = lane.before();
        }
        loop {
            if let Some(waiting) = wait {
                ready!(waiting.as_mut().poll(cx))?;
                *wait = None;
                lane.breath.begin();
            }
            match flow.poll_traced(cx) {
                Poll::Ready(Some(traced)) => {
                    lane.count = traced.count;
                    lane.attempts = 0;
                    lane.again = true;
                    lane.step.in_hand(traced.count);
                    return Poll::Ready(Ok(Some(Message::new(traced))));
                }
                Poll::Ready(None) => return Poll::Ready(Ok(None)),
                Poll::Pending => {}
            }
            if let Some(fault) = lane.step.take_fault() {
                *wait = Some(Box::pin(lane.step.clone().refuse(fault)));
                continue;
            }
            return if lane.is_drained(cx) { Poll::Ready(Ok(None)) } else { Poll::Pending };
        }
    }
}

impl<S> Unpin for Next<'_, S> {}

impl Lane {
    /// What is to be waited for before a message is taken: others' turn on the thread, and room for what this lane
    /// writes and sends.
    #[inline]
    fn before(&mut self) -> Option<Wait> {
        if self.breath.is_out() {
            return Some(Box::pin(async {
                tokio::task::yield_now().await;
                Ok(())
            }));
        }
        if self.step.about().stateful && !has_room(&self.step) {
            return Some(Box::pin(room(self.step.clone())));
        }
        None
    }

    /// Whether the app drains, and nothing is left that this lane must still take.
    fn is_drained(&self, cx: &Context<'_>) -> bool {
        let Some(gate) = &self.gate else { return false };
        gate.watch(cx);
        gate.is_draining() && (self.step.is_drained() || !self.queued)
    }
}

fn has_room(step: &Step) -> bool {
    let app = step.app();
    app.state.has_room() && app.log.get().is_none_or(|log| log.in_flight() <= log.room())
}

async fn room(step: Step) -> Result<()> {
    step.app().state.room().await;
    while !has_room(&step) {
        // Acknowledgements come from the client's thread, many at once; a millisecond of them is plenty.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}
