//! What a foreign pipe gives back: plain messages, that are traced again from here on.

use super::{Flow, Hand};
use crate::pulled::Traced;
use crate::step::Step;
use futures_core::Stream;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The stream that a pipe returned which is not ours.
pub struct Foreign<S> {
    stream: Pin<Box<S>>,
    hand: Hand,
    step: Step,
}

impl<S: Stream> Foreign<S> {
    pub(crate) fn flow(stream: S, hand: Hand, step: Step) -> Flow<Self> {
        let foreign = Foreign { stream: Box::pin(stream), hand, step: step.clone() };
        Flow::new(foreign, step)
    }
}

impl<S: Stream> Stream for Foreign<S> {
    type Item = Traced<S::Item, ()>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let yielded = std::task::ready!(self.stream.as_mut().poll_next(cx));
        let count = self.hand.put(0, &self.step);
        match yielded {
            Some(item) => Poll::Ready(Some(Traced { item, about: (), count })),
            None => {
                if count > 0 {
                    self.step.absorbed(count);
                }
                Poll::Ready(None)
            }
        }
    }
}

/// What it still has in its hands will never come out.
impl<S> Drop for Foreign<S> {
    fn drop(&mut self) {
        let count = self.hand.put(0, &self.step);
        if count > 0 {
            self.step.absorbed(count);
        }
    }
}
