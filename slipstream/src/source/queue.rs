//! A queue of the state as a source: the items of a channel, or what was written to a cache.

use super::{Opening, Positions, QueueUse, Source, SourceId};
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::Received;
use crate::pulled::{At, Fault, Opened, Pulled};
use crate::scope::Shared as App;
use crate::steps::{Item, Queue, place_row};
use futures_core::Stream;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::watch;

/// A source of a queue with room for so many items, and how one is decoded.
pub(crate) fn of_queue<T: Send + 'static>(
    queue: QueueUse,
    capacity: usize,
    decode: impl Fn(Item) -> Result<T> + Copy + Send + Sync + 'static,
) -> Source<T> {
    let (id, name) = (SourceId::Static(queue.named.slot), queue.named.name.to_owned());
    let used = queue.clone();
    let open = Arc::new(move |opening: &Opening| {
        let app = opening.app.clone();
        let rows = opening.readers.iter().map(|reader| place_row(&opening.name, reader, 0));
        let queue = app.state.open_queue(&used.rows, capacity, rows.collect(), used.kept)?;
        app.add_queue(used.named.slot, queue.clone());
        let Some(roots) = opening.roots.clone() else {
            let text = "a queue was opened without a count of the sources before it";
            return Err(Error::new(ErrorKind::Misuse, text));
        };
        let counts = app.ledger.received(&opening.name);
        let next = queue.first();
        let over = Box::pin(over(app, roots));
        let items = Items { decode, kept: used.kept, queue, next, over, counts };
        Ok(Box::pin(items) as Opened<T>)
    });
    Source::of_pulled(id, name, open, Positions::Queue(queue))
}

/// The items of a queue.
struct Items<F> {
    decode: F,
    kept: bool,
    queue: Arc<Queue>,
    next: i64,
    /// Ends when nothing can come any more.
    over: Pin<Box<dyn Future<Output = ()> + Send>>,
    counts: Arc<Received>,
}

impl<F> Items<F> {
    fn pulled<T>(&mut self, item: Item) -> Pulled<T>
    where
        F: Fn(Item) -> Result<T>,
    {
        let at = self.kept.then_some(At { partition: 0, offset: self.next, epoch: 0 });
        self.next += 1;
        self.counts.received.add(self.queue.received() - self.counts.received.get());
        self.counts.handed.add(1);
        self.counts.waiting((self.counts.received.get() - self.counts.handed.get()) as usize);
        Pulled { item: (self.decode)(item).map_err(|error| Fault::new(error, None)), at }
    }
}

/// Ends when nothing can come any more: the sources that are no queues have ended, and nothing is under way.
async fn over(app: Arc<App>, mut roots: watch::Receiver<usize>) {
    /// Between two looks that must find the same: longer than the moment between taking a message and counting it.
    const BETWEEN: Duration = Duration::from_millis(2);
    // An error means that the app is gone; then nobody waits for this either.
    let _ = roots.wait_for(|left| *left == 0).await;
    let mut before = None;
    loop {
        let now = app.rest();
        if now.is_some() && now == before {
            return;
        }
        before = now;
        tokio::time::sleep(BETWEEN).await;
    }
}

impl<F> Unpin for Items<F> {}

impl<T, F: Fn(Item) -> Result<T>> Stream for Items<F> {
    type Item = Pulled<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        match this.queue.look(this.next, cx) {
            Some(item) => Poll::Ready(Some(this.pulled(item))),
            None => this.over.as_mut().poll(cx).map(|()| None),
        }
    }
}
