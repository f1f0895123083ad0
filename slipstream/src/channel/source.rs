//! A channel as a source: its items in order, with positions if they are part of the state.

use super::{Channel, Codec};
use crate::error::{Error, ErrorKind};
use crate::ledger::Received;
use crate::pulled::{At, Fault, Opened, Pulled};
use crate::scope::Shared as App;
use crate::source::{Opening, Positions, QueueUse, Shared, Source, SourceId};
use crate::steps::{Item, Look, Queue, place_row};
use futures_core::Stream;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::watch;

/// Told apart by this, which nobody writes: a static channel.
pub struct AChannel;

#[diagnostic::do_not_recommend]
impl<T: Send + 'static> Shared<AChannel> for Channel<T> {
    type Source = Source<T>;

    fn share(&'static self) -> Source<T> {
        let queue = QueueUse { named: self.named(), kept: self.codec.is_some() };
        let open = Arc::new(|opening: &Opening| {
            let app = opening.app.clone();
            let rows = opening.readers.iter().map(|reader| place_row(&opening.name, reader, 0));
            let queue =
                app.state.open_queue(self.name, self.capacity, rows.collect(), self.codec.is_some())?;
            app.add_queue(self.slot.index(), queue.clone());
            let roots = opening.roots.clone().ok_or_else(|| {
                Error::new(
                    ErrorKind::Misuse,
                    "the channel was opened without a count of the sources before it",
                )
            })?;
            let counts = app.ledger.received(&opening.name);
            let next = queue.first();
            let over = Box::pin(over(app, roots));
            let items = Items { channel: self, queue, next, over, counts };
            Ok(Box::pin(items) as Opened<T>)
        });
        Source::of_pulled(
            SourceId::Static(self.slot.index()),
            self.name.to_owned(),
            open,
            Positions::Queue(queue),
        )
    }
}

/// The items of a channel.
struct Items<T: 'static> {
    channel: &'static Channel<T>,
    queue: Arc<Queue>,
    next: i64,
    /// Ends when nothing can come any more.
    over: Pin<Box<dyn Future<Output = ()> + Send>>,
    counts: Arc<Received>,
}

impl<T: Send + 'static> Items<T> {
    fn pulled(&mut self, item: Item) -> Pulled<T> {
        let at = Some(At { partition: 0, offset: self.next });
        self.next += 1;
        self.counts.received.add(self.queue.received() - self.counts.received.get());
        self.counts.handed.add(1);
        self.counts.waiting((self.counts.received.get() - self.counts.handed.get()) as usize);
        match (item, &self.channel.codec) {
            (Item::Kept(bytes), Some(Codec { decode, .. })) => {
                let item = decode(&bytes).map_err(|error| Fault::new(error, None));
                Pulled { item, at }
            }
            (Item::Volatile(item), _) => {
                let wrong = |_| Error::new(ErrorKind::Misuse, "two channels share a queue");
                let item = item.downcast().map(|item| *item).map_err(wrong);
                Pulled { item: item.map_err(|error| Fault::new(error, None)), at: None }
            }
            (Item::Kept(_), None) => {
                let error = Error::new(ErrorKind::Misuse, "a volatile channel kept an item");
                Pulled { item: Err(Fault::new(error, None)), at: None }
            }
        }
    }
}

/// Ends when nothing can come any more: the sources that are no channels have ended, and nothing is under way.
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

impl<T: Send + 'static> Stream for Items<T> {
    type Item = Pulled<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        match this.queue.look(this.next, cx) {
            Look::Item(item) => Poll::Ready(Some(this.pulled(item))),
            Look::Nothing => this.over.as_mut().poll(cx).map(|()| None),
        }
    }
}

impl<T> Unpin for Items<T> {}
