//! The messages of several sources as one flow: whichever is ready, in turn.

use crate::pulled::Traced;
use crate::step::Step;
use futures_core::Stream;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The flow of a handler with several sources.
pub struct Merged<M> {
    branches: Vec<Option<Pin<Box<dyn Stream<Item = Traced<M, ()>> + Send>>>>,
    /// The branch to be asked first, so that none is left behind.
    first: usize,
    step: Step,
}

impl<M> Merged<M> {
    pub(crate) fn new(branches: Vec<Pin<Box<dyn Stream<Item = Traced<M, ()>> + Send>>>, step: Step) -> Self {
        Merged { branches: branches.into_iter().map(Some).collect(), first: 0, step }
    }
}

impl<M> Stream for Merged<M> {
    type Item = Traced<M, ()>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let count = this.branches.len();
        let mut open = false;
        for at in 0..count {
            let index = (this.first + at) % count;
            let Some(branch) = &mut this.branches[index] else { continue };
            // Also while it polls: a fault that comes out of it is this source's.
            this.step.activate(index);
            match branch.as_mut().poll_next(cx) {
                Poll::Ready(Some(traced)) => {
                    this.first = (index + 1) % count;
                    return Poll::Ready(Some(traced));
                }
                Poll::Ready(None) => {
                    this.step.drained();
                    this.branches[index] = None;
                }
                Poll::Pending if this.step.has_fault() => return Poll::Pending,
                Poll::Pending => open = true,
            }
        }
        if open { Poll::Pending } else { Poll::Ready(None) }
    }
}

impl<M> Unpin for Merged<M> {}
