//! Making a call: a panic and running out of time are errors like any other.

use super::{Lane, Sent};
use crate::error::{Error, ErrorKind};
use crate::step::{Interrupt, Step};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// The future of [`Lane::attempt`].
pub struct Attempt<'a, F> {
    call: Pin<&'a mut F>,
    /// Ends when the call has taken too long.
    limit: Option<Pin<Box<dyn Future<Output = Interrupt> + Send>>>,
}

impl Lane {
    /// Makes the call.
    #[inline]
    pub fn attempt<'a, F>(&mut self, call: Pin<&'a mut F>) -> Attempt<'a, F>
    where
        F: Future<Output = Result<Sent, Interrupt>>,
    {
        self.step.at_handler();
        Attempt { call, limit: limit(&self.step) }
    }
}

#[inline]
fn limit(step: &Step) -> Option<Pin<Box<dyn Future<Output = Interrupt> + Send>>> {
    let limit = step.about().timeout?;
    let clock = step.app().clock.clone();
    Some(Box::pin(async move {
        clock.sleep(limit).await;
        let text = format!("took longer than its timeout of {limit:?}");
        Interrupt::Failed(Error::new(ErrorKind::TimedOut, text))
    }))
}

impl<F> Future for Attempt<'_, F>
where
    F: Future<Output = Result<Sent, Interrupt>>,
{
    type Output = Result<Sent, Interrupt>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let polled = catch_unwind(AssertUnwindSafe(|| this.call.as_mut().poll(cx)));
        match (polled, &mut this.limit) {
            (Ok(Poll::Ready(done)), _) => Poll::Ready(done),
            (Ok(Poll::Pending), None) => Poll::Pending,
            (Ok(Poll::Pending), Some(limit)) => limit.as_mut().poll(cx).map(Err),
            (Err(panic), _) => Poll::Ready(Err(Interrupt::panicked(&*panic))),
        }
    }
}
