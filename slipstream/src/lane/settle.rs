//! After a call: its step ends, or it is made again, or the policy's verdict falls.

use super::letter::{Letter, RawLetter};
use super::{Lane, Message, Sent};
use crate::error::{Error, ErrorKind, Result};
use crate::step::{Ended, Interrupt, Stage};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The future of [`Lane::settle`]: most calls wait for nothing any more.
pub struct Settling<'a>(Option<Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>>);

impl Future for Settling<'_> {
    type Output = Result<()>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        match &mut self.0 {
            None => Poll::Ready(Ok(())),
            Some(settling) => settling.as_mut().poll(cx),
        }
    }
}

impl Lane {
    /// Ends the step, or runs it again, or applies the policy.
    #[inline]
    pub fn settle<'a, T: Send + Sync, D: Send + Sync>(
        &'a mut self,
        done: Result<Sent, Interrupt>,
        message: &'a Message<T, D>,
    ) -> Settling<'a> {
        match self.settled(&done) {
            true => Settling(None),
            false => Settling(Some(Box::pin(self.settle_with(done, message.can_repeat(), None)))),
        }
    }

    /// Like [`Lane::settle`], for a policy that ends in a dead-letter topic.
    #[inline]
    pub fn settle_or_bury<'a, T: Letter, D>(
        &'a mut self,
        done: Result<Sent, Interrupt>,
        message: &'a Message<T, D>,
    ) -> Settling<'a> {
        if self.settled(&done) {
            return Settling(None);
        }
        let letter = message.kept().and_then(Letter::letter);
        Settling(Some(Box::pin(self.settle_with(done, message.can_repeat(), letter))))
    }

    /// Ends the step of a call that ended well and has touched nothing.
    #[inline]
    fn settled(&mut self, done: &Result<Sent, Interrupt>) -> bool {
        match done {
            Ok(sent) => self.step.end_untouched(ended(*sent), self.count),
            Err(_) => false,
        }
    }

    async fn settle_with(
        &mut self,
        done: Result<Sent, Interrupt>,
        can_repeat: bool,
        letter: Option<RawLetter>,
    ) -> Result<()> {
        let error = match done {
            Ok(sent) => {
                if !self.step.end(ended(sent), self.count).await? {
                    self.conflict();
                }
                return Ok(());
            }
            Err(Interrupt::Stale) => {
                self.conflict();
                return Ok(());
            }
            Err(Interrupt::Failed(error)) => error,
        };
        // A step that read what has changed since has not failed: it was mistaken.
        if error.kind() != ErrorKind::Misuse && !self.step.still_stands() {
            self.conflict();
            return Ok(());
        }
        self.failed(error, can_repeat, letter).await
    }

    async fn failed(&mut self, error: Error, can_repeat: bool, letter: Option<RawLetter>) -> Result<()> {
        let stage = self.step.stage();
        self.step.abandon();
        // A failing sink has been called again alone already.
        let repeats = can_repeat && !matches!(stage, Stage::Sink(_));
        let retry = self.step.about().policy.retry.filter(|retry| repeats && self.attempts < retry.times);
        let Some(retry) = retry else { return self.step.verdict(stage, error, letter, self.count).await };
        let wait = retry.backoff.wait(self.attempts);
        self.attempts += 1;
        self.step.counts().retries.add(1);
        self.step.app().clock.sleep(wait).await;
        self.again = true;
        Ok(())
    }

    fn conflict(&mut self) {
        self.step.counts().conflicts.add(1);
        self.again = true;
    }
}

#[inline]
fn ended(sent: Sent) -> Ended {
    match sent {
        Sent::Done => Ended::Done,
        Sent::Filtered => Ended::Filtered,
    }
}
