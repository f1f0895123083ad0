//! A topic as a source: its records in order within each partition, decoded as the lane takes them.

use super::record::decode;
use super::{Record, Topic, TopicKey};
use crate::codec::{Codec, Opened as CodecAtWork, Wait};
use crate::error::{Error, Result};
use crate::ledger::Received;
use crate::log::{Delivery, Incoming};
use crate::pulled::{At, Fault, Opened, Pulled};
use crate::source::{OfPartitions, Positions, Shared, Source, SourceId, TopicUse, Until};
use futures_core::Stream;
use hashbrown::HashMap;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use tokio::sync::{mpsc, watch};

/// Told apart by this, which nobody writes: a static topic.
pub struct ATopic;

#[diagnostic::do_not_recommend]
impl<K, V> OfPartitions for Record<K, V> {}

/// A topic that is named as a source. Whether its records can be read is asked next, so that a type without serde's
/// traits is said to be one.
pub struct Named<K: 'static, V: 'static, C: 'static>(&'static Topic<K, V, C>);

#[diagnostic::do_not_recommend]
impl<K: 'static, V: Send + 'static, C: 'static> Shared<ATopic> for Topic<K, V, C> {
    type Source = Named<K, V, C>;

    fn share(&'static self) -> Named<K, V, C> {
        Named(self)
    }
}

impl<K, V, C> Named<K, V, C> {
    /// The source; its errors are apart already.
    pub fn untry(self) -> Source<Record<K, V>>
    where
        K: TopicKey,
        V: Send,
        C: Codec<V>,
    {
        self.0.source()
    }
}

impl<K: TopicKey, V: Send + 'static, C: Codec<V>> Topic<K, V, C> {
    fn source(&'static self) -> Source<Record<K, V>> {
        let definition = self.definition();
        let id = SourceId::Static(definition.slot.index());
        let topic = TopicUse {
            named: self.named(false),
            origin: definition.start.origin(),
            until_end: definition.until_end,
        };
        let open = Arc::new(move |opening: &crate::source::Opening| {
            let Some((deliveries, until)) = opening.take_topic() else {
                return Err(Error::new(crate::error::ErrorKind::Log, "the topic is being read already"));
            };
            let (_, codec) = self.ready(&opening.app)?;
            let counts = opening.app.ledger.received(&opening.name);
            let records: Records<K, V, C> = Records {
                deliveries,
                batch: Vec::new().into_iter(),
                next: HashMap::new(),
                assigned: opening.assigned.clone(),
                until,
                ends: None,
                counts,
                codec,
                wait: None,
                app: Arc::downgrade(&opening.app),
                name: opening.name.clone(),
                types: PhantomData,
            };
            Ok(Box::pin(records) as Opened<Record<K, V>>)
        });
        Source::of_pulled(id, self.name().to_owned(), open, Positions::Topic(topic))
    }
}

/// The records of the partitions that this process is given.
struct Records<K, V, C> {
    deliveries: mpsc::Receiver<Delivery>,
    batch: std::vec::IntoIter<Incoming>,
    /// The offset behind what was read and its epoch, by partition.
    next: HashMap<u32, (i64, u32)>,
    /// The partitions that are ours, for all who want to know.
    assigned: watch::Sender<Option<Vec<u32>>>,
    until: Until,
    ends: Option<Vec<i64>>,
    counts: Arc<Received>,
    codec: Option<CodecAtWork<V>>,
    /// What the next record cannot be read without.
    wait: Option<Wait>,
    app: Weak<crate::scope::Shared>,
    name: Arc<str>,
    types: PhantomData<fn() -> (K, V, C)>,
}

impl<K, V, C> Records<K, V, C> {
    /// Whether everything up to the end offsets was read, and nobody has sought since.
    fn is_over(&self) -> bool {
        let assigned = self.assigned.borrow();
        let (Some(ends), Some(assigned)) = (&self.ends, &*assigned) else { return false };
        assigned.iter().all(|partition| {
            let end = ends.get(*partition as usize).copied().unwrap_or(0);
            let epoch = self.app.upgrade().map_or(0, |app| app.epoch(&self.name, *partition));
            end == 0 || self.next.get(partition).is_some_and(|next| next.0 >= end && next.1 == epoch)
        })
    }

    fn take(&mut self, delivery: Delivery) -> Result<()> {
        match delivery {
            Delivery::Assigned(partitions) => drop(self.assigned.send_replace(Some(partitions))),
            Delivery::Records(records) => {
                self.counts.received.add(records.len() as u64);
                self.batch = records.into_iter();
                self.counts.waiting(self.batch.len());
            }
            Delivery::End { partition, offset, epoch } => drop(self.next.insert(partition, (offset, epoch))),
            Delivery::Failed(error) => return Err(error),
        }
        Ok(())
    }
}

impl<K: TopicKey, V, C: Codec<V>> Stream for Records<K, V, C> {
    type Item = Pulled<Record<K, V>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(wait) = &mut this.wait {
                ready!(wait.as_mut().poll(cx));
                this.wait = None;
            } else if let (Some(codec), [next, ..]) = (&this.codec, this.batch.as_slice()) {
                this.wait = codec.wait(next.value.as_deref());
                if this.wait.is_some() {
                    continue;
                }
            }
            if let Some(raw) = this.batch.next() {
                this.counts.handed.add(1);
                this.counts.waiting(this.batch.len());
                let (partition, offset, epoch) = (raw.partition, raw.offset, raw.epoch);
                this.next.insert(partition, (offset + 1, epoch));
                let at = Some(At { partition, offset, epoch });
                let item = decode::<K, V, C>(raw, this.codec.as_ref());
                return Poll::Ready(Some(Pulled { item, at }));
            }
            if let Some(until) = &mut this.until
                && let Poll::Ready(ends) = until.as_mut().poll(cx)
            {
                this.until = None;
                match ends {
                    Ok(ends) => this.ends = Some(ends),
                    Err(error) => return Poll::Ready(Some(fatal(error))),
                }
            }
            if this.is_over() {
                return Poll::Ready(None);
            }
            let Some(delivery) = ready!(this.deliveries.poll_recv(cx)) else { return Poll::Ready(None) };
            if let Err(error) = this.take(delivery) {
                return Poll::Ready(Some(fatal(error)));
            }
        }
    }
}

/// The log cannot go on; no policy passes over that.
fn fatal<T>(error: Error) -> Pulled<T> {
    Pulled { item: Err(Fault::new(error, None)), at: None }
}

impl<K, V, C> Unpin for Records<K, V, C> {}

#[cfg(test)]
mod tests;
