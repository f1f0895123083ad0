//! A channel as a source: its items in order, with positions if they are part of the state.

use super::Channel;
use crate::error::{Error, ErrorKind, Result};
use crate::source::{QueueUse, Shared, Source, of_queue};
use crate::steps::Item;

/// Told apart by this, which nobody writes: a static channel.
pub struct AChannel;

#[diagnostic::do_not_recommend]
impl<T: Send + 'static> Shared<AChannel> for Channel<T> {
    type Source = Source<T>;

    fn share(&'static self) -> Source<T> {
        let kept = self.codec.is_some();
        let queue = QueueUse { named: self.named(), kept, rows: self.name.to_owned(), is_cache: false };
        of_queue(queue, self.capacity, |item| self.take(item))
    }
}

impl<T: 'static> Channel<T> {
    fn take(&self, item: Item) -> Result<T> {
        match (item, &self.codec) {
            (Item::Kept(bytes), Some(codec)) => (codec.decode)(&bytes),
            (Item::Kept(_), None) => Err(Error::new(ErrorKind::Misuse, "a volatile channel kept an item")),
            (Item::Volatile(item), _) => {
                let wrong = |_| Error::new(ErrorKind::Misuse, "two channels share a queue");
                item.downcast().map(|item| *item).map_err(wrong)
            }
        }
    }
}
