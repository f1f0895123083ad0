//! Streams to build sources of: one that ticks, and one that yields an iterator's items.

use crate::clock::later;
use crate::scope;
use futures_core::Stream;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// Yields 0, 1, 2, .. each time that this much time has passed, by the clock of the app that runs it.
///
/// A tick that is taken late is not made up for: the next one comes a period after the time it was due, or at once.
///
/// ```
/// use slipstream::prelude::*;
///
/// #[handle(source = every(secs(1)), sink = [print])]
/// fn tick(n: u64) -> String {
///     format!("tick {n}")
/// }
/// ```
pub fn every(period: Duration) -> Every {
    Every { period, ticks: 0, sleep: None, due: None }
}

/// The stream of [`every`].
pub struct Every {
    period: Duration,
    ticks: u64,
    sleep: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    due: Option<chrono::DateTime<chrono::Utc>>,
}

impl Stream for Every {
    type Item = u64;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<u64>> {
        let period = self.period;
        if self.sleep.is_none() {
            let clock = scope::clock();
            let now = clock.now();
            // Beats are counted from the first, so that they do not drift; missed ones are left out.
            let due = later(self.due.unwrap_or(now), period).max(now);
            let wait = (due - now).to_std().unwrap_or_default();
            self.due = Some(due);
            self.sleep = Some(Box::pin(async move { clock.sleep(wait).await }));
        }
        if let Some(sleep) = &mut self.sleep {
            ready!(sleep.as_mut().poll(cx));
        }
        self.sleep = None;
        self.ticks += 1;
        Poll::Ready(Some(self.ticks - 1))
    }
}

/// The items of an iterator as a stream, to be slowed down or put together with others.
///
/// An iterator is a source by itself; this is for those who want to combine it.
///
/// ```
/// use slipstream::prelude::*;
///
/// fn slowly() -> impl Stream<Item = char> {
///     every(millis(10)).zip(slipstream::iter("abc".chars())).map(|(_, letter)| letter)
/// }
///
/// #[handle(source = slowly, sink = [print])]
/// fn show(letter: char) -> char { letter }
/// ```
pub fn iter<I: IntoIterator>(items: I) -> futures_util::stream::Iter<I::IntoIter> {
    futures_util::stream::iter(items)
}
