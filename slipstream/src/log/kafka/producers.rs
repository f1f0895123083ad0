//! One producer for all topics, and one of its own for each topic that has settings of its own: librdkafka takes most of
//! them for a whole client, and rdkafka the rest too.

use super::context::Voice;
use super::producer::Producer;
use super::settings::Settings;
use crate::error::{Error, Result};
use crate::log::{Ack, Outgoing, Stalled};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::AcqRel};
use std::time::Instant;

/// All producers. A topic always has the same one, so that its records stay in order.
pub(super) struct Producers {
    shared: Arc<Producer>,
    own: BTreeMap<String, Arc<Producer>>,
}

impl Producers {
    /// Makes them; the thread of the shared one calls `beside` now and then.
    pub(super) fn new(
        settings: &Settings,
        voice: &Voice,
        beside: impl Fn() + Send + 'static,
    ) -> Result<Self> {
        let shared = Producer::new(settings, None, voice, beside)?;
        let mut own = BTreeMap::new();
        for topic in settings.topics_that_differ() {
            let made = Producer::new(settings, Some(topic), voice, || {});
            let named = |error: Error| Error::new(error.kind(), format!("of the topic `{topic}`: {error}"));
            own.insert(topic.to_owned(), made.map_err(named)?);
        }
        Ok(Producers { shared, own })
    }

    pub(super) fn produce(&self, record: Outgoing, ack: Ack) {
        self.own.get(&*record.topic).unwrap_or(&self.shared).produce(record, ack);
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Producer>> {
        std::iter::once(&self.shared).chain(self.own.values())
    }

    pub(super) fn in_flight(&self) -> usize {
        self.all().map(|producer| producer.in_flight()).sum()
    }

    /// Whether each of them has room: nobody knows beforehand what a step will write.
    pub(super) fn has_room(&self) -> bool {
        self.all().all(|producer| producer.has_room())
    }

    pub(super) fn fatal(&self) -> Option<&str> {
        self.all().find_map(|producer| producer.fatal())
    }

    /// Tells when one of them stalls, and when none does any more.
    pub(super) fn on_stall(&self, tell: Stalled) {
        let stalls = Arc::new((AtomicUsize::new(0), tell));
        for producer in self.all() {
            let stalls = stalls.clone();
            producer.on_stall(Box::new(move |stalled| {
                let (count, tell) = &*stalls;
                match stalled {
                    true if count.fetch_add(1, AcqRel) == 0 => tell(true),
                    false if count.fetch_sub(1, AcqRel) == 1 => tell(false),
                    _ => {}
                }
            }));
        }
    }

    pub(super) fn close(&self, deadline: Instant) {
        // None takes anything more while the others end.
        self.all().for_each(|producer| producer.refuse_all());
        self.all().for_each(|producer| producer.close(deadline));
    }
}
