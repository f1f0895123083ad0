//! Taking a message: out of the pipe, when there is room for what may come of it.

use super::{Bench, Message};
use crate::error::Result;
use crate::pulled::Traced;
use crate::step::{Interrupt, Step};
use futures_core::Stream;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// Something that a lane waits for before it can take a message.
type Wait = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// The future of [`Lane::next`](super::Lane::next), by hand: most messages wait for nothing.
struct Next<'a, S, T, D> {
    bench: &'a mut Bench<S, T, D>,
    begun: bool,
    wait: Option<Wait>,
    /// Whether the wait under way took any time.
    has_waited: bool,
}

impl<S, T, D> Bench<S, T, D> {
    /// The next message that comes out of the pipe, or the one in hand if it is to be handled again; `None` when the
    /// source has ended or the app drains.
    ///
    /// # Errors
    /// If the policy says stop for a message that could not be made.
    #[inline]
    pub async fn next(&mut self) -> Result<Option<&mut Message<T, D>>, Interrupt>
    where
        S: Stream<Item = Traced<T, D>> + Unpin, // here, so that an error of the pipe is shown once
    {
        if !std::mem::take(&mut self.again) {
            Next { bench: self, begun: false, wait: None, has_waited: false }.await?;
        }
        Ok(self.message.as_mut())
    }

    /// The next message, to be handed to another lane.
    pub(crate) async fn take(&mut self) -> Result<Option<Traced<T, D>>, Interrupt>
    where
        S: Stream<Item = Traced<T, D>> + Unpin,
    {
        Next { bench: self, begun: false, wait: None, has_waited: false }.await?;
        Ok(self.message.take().and_then(Message::into_traced))
    }
}

impl<S, T, D> Future for Next<'_, S, T, D>
where
    S: Stream<Item = Traced<T, D>> + Unpin,
{
    type Output = Result<(), Interrupt>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Next { bench, begun, wait, has_waited } = &mut *self;
        if !*begun {
            *begun = true;
            bench.message = None;
            bench.step.at_pipe();
            *wait = bench.before();
        }
        loop {
            if wait.is_some() {
                ready!(waited(bench, wait, has_waited, cx)).map_err(Interrupt::Stop)?;
            }
            let polled = bench.flow.poll_traced(cx);
            if let Poll::Ready(Some(traced)) = polled {
                bench.step.begin();
                bench.attempts = 0;
                bench.message = Some(Message::new(traced));
                return Poll::Ready(Ok(()));
            }
            // Also at the end: a pipe may have looked ahead, and have met an error.
            if let Some(fault) = bench.step.take_fault(cx) {
                *wait = Some(Box::pin(bench.step.clone().refuse(fault)));
                continue;
            }
            if polled.is_ready() {
                return Poll::Ready(Ok(()));
            }
            return if bench.is_drained(cx) { Poll::Ready(Ok(())) } else { Poll::Pending };
        }
    }
}

/// Waits; and again, if there is more to wait for by then: a source of errors only must not keep the thread.
#[cold]
#[inline(never)]
fn waited<S, T, D>(
    bench: &mut Bench<S, T, D>,
    wait: &mut Option<Wait>,
    has_waited: &mut bool,
    cx: &mut Context<'_>,
) -> Poll<Result<()>> {
    while let Some(waiting) = wait {
        let Poll::Ready(done) = waiting.as_mut().poll(cx) else {
            *has_waited = true;
            return Poll::Pending;
        };
        done?;
        if std::mem::take(has_waited) {
            bench.breath.begin();
        }
        *wait = bench.before();
    }
    Poll::Ready(Ok(()))
}

impl<S, T, D> Unpin for Next<'_, S, T, D> {}

impl<S, T, D> Bench<S, T, D> {
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
        if self.step.about().stateful.load(Relaxed) && !has_room(&self.step) {
            return Some(Box::pin(room(self.step.clone())));
        }
        None
    }

    /// Whether the app drains, and nothing is left that this lane must still take.
    fn is_drained(&self, cx: &Context<'_>) -> bool {
        let Some(gate) = &self.gate else { return false };
        if self.queued && !self.step.is_drained() {
            return false;
        }
        gate.watch(cx);
        gate.is_draining() && self.step.pipes_rest()
    }
}

fn has_room(step: &Step) -> bool {
    let app = step.app();
    let fills = step.about().fills.get();
    app.has_room()
        && step.has_room_in_batches()
        && fills.is_none_or(|queues| queues.iter().all(|queue| app.state.has_room_in(queue)))
        && app.log.get().is_none_or(|log| log.has_room())
}

/// After a yield: waits for room for the next one.
pub(crate) async fn room_for_more(step: &Step) {
    if step.about().stateful.load(Relaxed)
        && !has_room(step)
        && let Err(error) = room(step.clone()).await
    {
        step.app().fail(error);
    }
}

async fn room(step: Step) -> Result<()> {
    step.app().state.room().await;
    while !has_room(&step) {
        let app = step.app();
        let mut full =
            step.about().fills.get().into_iter().flatten().filter(|queue| !app.state.has_room_in(queue));
        full.try_for_each(|queue| app.may_have_room(queue))?;
        // Acknowledgements come from the client's thread, many at once; a millisecond of them is plenty.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}
