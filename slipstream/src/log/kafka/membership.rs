//! What librdkafka tells a member of a group, kept until the thread that polls gets to it.

use super::context::Voice;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A change of what is ours: these partitions come, or go. The group waits until it is answered by [`take_up`] or
/// [`give_back`].
pub(super) enum Rebalance {
    Assigned(TopicPartitionList),
    Revoked(TopicPartitionList),
}

/// Whether partitions come and go one by one, and the others stay.
fn is_cooperative(client: &BaseConsumer<Membership>) -> bool {
    matches!(client.rebalance_protocol(), RebalanceProtocol::Cooperative)
}

/// Reads these partitions from there on.
pub(super) fn take_up(client: &BaseConsumer<Membership>, starts: &TopicPartitionList) -> KafkaResult<()> {
    if is_cooperative(client) { client.incremental_assign(starts) } else { client.assign(starts) }
}

/// Reads these partitions no more.
pub(super) fn give_back(client: &BaseConsumer<Membership>, gone: &TopicPartitionList) -> KafkaResult<()> {
    if is_cooperative(client) { client.incremental_unassign(gone) } else { client.unassign() }
}

/// Answers a change for who is leaving: nothing more is taken up.
fn decline(client: &BaseConsumer<Membership>, change: &Rebalance) -> KafkaResult<()> {
    match change {
        Rebalance::Assigned(_) => take_up(client, &TopicPartitionList::new()),
        Rebalance::Revoked(gone) => give_back(client, gone),
    }
}

/// The context of a group's consumer.
pub(super) struct Membership {
    pub(super) voice: Voice,
    changes: Mutex<VecDeque<Rebalance>>,
    /// From here on nobody takes the changes, so that they are answered at once: else closing would wait for ever.
    leaving: AtomicBool,
}

impl Membership {
    pub(super) fn new(voice: Voice) -> Self {
        Membership { voice, changes: Mutex::default(), leaving: AtomicBool::new(false) }
    }

    pub(super) fn take(&self) -> Option<Rebalance> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// A change that cannot be answered yet, though none after it can be before.
    pub(super) fn put_back(&self, change: Rebalance) {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).push_front(change);
    }

    pub(super) fn leave(&self) {
        self.leaving.store(true, Ordering::Release);
    }
}

impl ClientContext for Membership {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.voice.log(level, facility, text);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        self.voice.stats_raw(statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.voice.error(error, reason);
    }
}

impl ConsumerContext for Membership {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, event: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let change = match event {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => Rebalance::Assigned(list.clone()),
            _ => Rebalance::Revoked(list.clone()),
        };
        if self.leaving.load(Ordering::Acquire) {
            if let Err(error) = decline(consumer, &change) {
                tracing::warn!(target: super::TARGET, "partitions could not be given back: {error}");
            }
            return;
        }
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).push_back(change);
    }

    fn commit_callback(&self, result: KafkaResult<()>, _offsets: &TopicPartitionList) {
        match result {
            Ok(()) => self.voice.up(),
            Err(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::NoOffset) => {}
            Err(error) => {
                tracing::warn!(target: super::TARGET, "the group was not told its position: {error}");
            }
        }
    }
}

/// Leaves the group within the deadline. Dropping a consumer that is still a member has none.
pub(super) fn leave(client: Arc<BaseConsumer<Membership>>, deadline: Instant) {
    let membership = client.context();
    membership.leave();
    // This version of librdkafka can crash when it leaves a group whose coordinator is gone.
    if membership.voice.down() && client.fetch_metadata(None, Duration::from_millis(300)).is_err() {
        tracing::warn!(target: super::TARGET, "no broker is reached: the group notices by itself that we are gone");
        std::mem::forget(client);
        return;
    }
    // What came before is answered by these.
    while let Some(change) = membership.take() {
        let _ = decline(&client, &change);
    }
    let _ = client.assignment().and_then(|all| give_back(&client, &all));
    if client.close_queue().is_ok() {
        while !client.closed() && Instant::now() < deadline {
            client.poll(Duration::from_millis(10));
        }
        if !client.closed() {
            tracing::warn!(target: super::TARGET, "the group was not left in time");
            std::mem::forget(client);
        }
    }
}
