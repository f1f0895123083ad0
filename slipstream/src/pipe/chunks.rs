//! `chunks`: several messages as one.

use crate::breath::Breath;
use crate::flow::Flow;
use crate::pulled::Traced;
use crate::step::Step;
use futures_core::Stream;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// The flow behind [`chunks`].
pub struct Chunks<S, T, D> {
    stages: S,
    step: Step,
    breath: Breath,
    size: usize,
    items: Vec<T>,
    about: Option<D>,
    held: u32,
}

/// Every `size` messages as one `Vec`; the last may be shorter. At least 1; 0 is taken for 1.
///
/// Until a chunk is full its messages are held: the position stays before them.
///
/// ```
/// use slipstream::prelude::*;
///
/// #[handle(source = 0..5_u32, pipe = [chunks(2)], sink = [print])]
/// fn show(chunk: Vec<u32>) -> One<Vec<u32>> { One(chunk) } // prints [0, 1], [2, 3], [4]
/// ```
pub fn chunks<S, T, D>(size: usize) -> impl FnOnce(Flow<S>) -> Flow<Chunks<S, T, D>>
where
    S: Stream<Item = Traced<T, D>> + Unpin,
{
    move |flow| {
        flow.then(|stages, step| Chunks {
            stages,
            step,
            breath: Breath::new(),
            size: size.max(1),
            items: Vec::new(),
            about: None,
            held: 0,
        })
    }
}

impl<S, T, D> Chunks<S, T, D> {
    fn flush(&mut self) -> Option<Traced<Vec<T>, D>> {
        let about = self.about.take()?;
        let count = std::mem::take(&mut self.held);
        self.step.released(count);
        Some(Traced { item: std::mem::take(&mut self.items), about, count })
    }
}

impl<S, T, D> Stream for Chunks<S, T, D>
where
    S: Stream<Item = Traced<T, D>> + Unpin,
    T: Unpin,
    D: Unpin,
{
    type Item = Traced<Vec<T>, D>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let Some(Traced { item, about, count }) = ready!(Pin::new(&mut self.stages).poll_next(cx)) else {
                return Poll::Ready(self.flush());
            };
            self.items.push(item);
            self.about = Some(about);
            self.held += count;
            self.step.held(count);
            if self.items.len() >= self.size {
                return Poll::Ready(self.flush());
            }
            if self.breath.gives_way(cx) {
                return Poll::Pending;
            }
        }
    }
}
