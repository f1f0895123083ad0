//! After a call: its step ends; or it has failed, and is made again, or the policy's verdict falls.

use super::{Bench, Sent};
use crate::error::{Error, ErrorKind, Result};
use crate::policy::Verdict;
use crate::step::{Ended, Interrupt, Stage};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The future of [`Lane::end`](super::Lane::end): most steps have touched nothing, and are ended already.
pub struct Ending<'a>(Option<Pin<Box<dyn Future<Output = Result<(), Interrupt>> + Send + 'a>>>);

impl Future for Ending<'_> {
    type Output = Result<(), Interrupt>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            None => Poll::Ready(Ok(())),
            Some(ending) => ending.as_mut().poll(cx),
        }
    }
}

impl<S, T, D> Bench<S, T, D> {
    pub(super) fn count(&self) -> u32 {
        self.message.as_ref().map_or(0, |message| message.count)
    }

    /// Ends the step of a call that went well.
    #[inline]
    pub fn end(&mut self, sent: Sent) -> Ending<'_> {
        let ended = match sent {
            Sent::Done => Ended::Done,
            Sent::Filtered => Ended::Filtered,
        };
        let count = self.count();
        if self.step.end_untouched(ended, count) {
            return Ending(None);
        }
        let step = &self.step;
        match step.end_now(ended, count) {
            Some(Ok(())) => Ending(None),
            Some(Err(interrupt)) => Ending(Some(Box::pin(std::future::ready(Err(interrupt))))),
            // Somebody is in its way.
            None => Ending(Some(Box::pin(step.end(ended, count)))),
        }
    }

    /// Settles a call that did not go well; afterwards the loop goes on.
    ///
    /// # Errors
    /// If the policy says stop.
    pub(super) async fn settle(&mut self, interrupt: Interrupt) -> Result<()> {
        let error = match interrupt {
            Interrupt::Stop(error) => return Err(error),
            Interrupt::Stale | Interrupt::Drained => {
                self.conflict().await;
                return Ok(());
            }
            Interrupt::Superseded => {
                self.step.superseded(self.count());
                return Ok(());
            }
            Interrupt::Failed(error) => error,
        };
        let stage = self.step.stage();
        if stage == Stage::Pipe {
            // What a panic left of a pipe or a source cannot be asked again.
            return Err(self.step.stopped(stage, error));
        }
        if self.message.is_none() {
            return self.dropped(stage, error);
        }
        if error.kind() == ErrorKind::Misuse {
            // The program is at fault, not the message: no policy passes over that.
            return Err(self.step.stopped(stage, error));
        }
        if self.step.is_superseded() {
            self.step.superseded(self.count());
            return Ok(());
        }
        // A step that read what has changed since has not failed: it was mistaken.
        if !self.step.still_stands() {
            self.conflict().await;
            return Ok(());
        }
        self.failed(stage, error).await
    }

    /// The message panicked when it was dropped: what became of it has been counted, and its position has moved. So
    /// there is no second verdict; but a policy that stops does.
    fn dropped(&self, stage: Stage, error: Error) -> Result<()> {
        if matches!(self.step.about().policy.verdict, Verdict::Stop) {
            return Err(self.step.stopped(stage, error));
        }
        let (handler, origin) = (&self.step.about().name, self.step.origin());
        tracing::warn!(%handler, %origin, %error, "dropping a message failed");
        Ok(())
    }

    async fn failed(&mut self, stage: Stage, error: Error) -> Result<()> {
        // A failing sink has been called again alone already; one that took too long was cut off with its call.
        let alone = matches!(stage, Stage::Sink(_)) && error.kind() != ErrorKind::TimedOut;
        let repeats = !alone && self.message.as_ref().is_some_and(super::message::Message::can_repeat);
        let retry = self.step.about().policy.retry.filter(|retry| repeats && self.attempts < retry.times);
        if let Some(retry) = retry {
            self.step.abandon();
            let wait = retry.backoff.wait(self.attempts);
            self.attempts += 1;
            self.step.counts().retries.add(1);
            self.step.app().clock.sleep(wait).await;
            self.again();
            return Ok(());
        }
        let letter = match (self.letter, &self.message) {
            (Some(letter), Some(message)) => letter(message),
            _ => None,
        };
        match self.step.verdict(stage, error, letter, self.count()).await {
            Ok(()) => Ok(()),
            Err(Interrupt::Stop(error)) => {
                // Others may wait for what it holds.
                self.step.abandon();
                Err(error)
            }
            // It would not have failed, or not so.
            Err(_) => {
                self.conflict().await;
                Ok(())
            }
        }
    }

    async fn conflict(&mut self) {
        self.step.counts().conflicts.add(1);
        self.step.hold_again().await;
        self.again();
    }

    fn again(&mut self) {
        self.step.at_handler();
        self.again = true;
    }
}
