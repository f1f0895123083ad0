//! Where reading begins in each partition: the store's position, else the group's, else the topic's start.

use super::admin::Admin;
use super::marks::marks;
use super::number::number;
use super::parting::Parting;
use crate::error::{Error, ErrorKind, Result};
use crate::log::{Known, Origin, Position, Start as Begin, Subscription, check_bounds};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Part of a subscription: how to find the start of a partition.
pub(super) struct Start {
    pub(super) topic: Arc<str>,
    origin: Origin,
    /// Where the partitions ended when this began: what was written since is behind the latest record.
    ends: Vec<i64>,
    pub(super) position: Position,
    keeps: bool,
}

impl Start {
    /// Asks the broker where the topic ends now, if that is where it is to start.
    pub(super) fn of(subscription: &Subscription, admin: &Admin) -> Result<Self> {
        let Subscription { topic, origin, position, keeps, .. } = subscription;
        let ends = match origin {
            Origin::Latest => admin.ends(topic)?,
            _ => Vec::new(),
        };
        Ok(Start { topic: topic.clone(), origin: *origin, ends, position: position.clone(), keeps: *keeps })
    }

    /// The offset to read first, by partition, each of them one that the log holds.
    pub(super) fn offsets<C: ConsumerContext>(
        &self,
        consumer: &BaseConsumer<C>,
        partitions: &[u32],
        parting: &Parting,
        deadline: Instant,
    ) -> Result<BTreeMap<u32, Known>> {
        let topic = &self.topic;
        let failed = |error: KafkaError| {
            Error::caused(
                ErrorKind::Log,
                format!("topic `{topic}`: the broker does not say where to start"),
                error,
            )
        };
        let known: BTreeMap<u32, Known> =
            partitions.iter().map(|&partition| (partition, (self.position)(partition))).collect();
        let mut asked = TopicPartitionList::new();
        // Where nothing is kept of the records, another member may have gone on where this one was.
        let before = |partition| parting.last(topic, partition).filter(|_| !self.keeps);
        for (&partition, _) in
            known.iter().filter(|(p, known)| known.offset.is_none() || before(**p).is_some())
        {
            asked.add_partition(topic, number(partition));
        }
        let committed = if asked.count() == 0 {
            asked
        } else {
            consumer.committed_offsets(asked, left(deadline)).map_err(failed)?
        };
        let all = partitions.iter().map(|&partition| (topic, partition));
        let marks = marks(consumer, all, left(deadline)).map_err(failed)?;
        let mut starts = BTreeMap::new();
        // Where the group has read before, and the state has not.
        let mut stateless = Vec::new();
        for (partition, known) in known {
            let group = match committed.find_partition(topic, number(partition)) {
                Some(found) => {
                    found.error().map_err(failed)?;
                    offset(found.offset())
                }
                None => None,
            };
            if known.offset.is_none() && group.is_some() && self.keeps {
                stateless.push(partition);
            }
            let others = group.filter(|group| before(partition).is_some_and(|told| told != *group));
            let Some(&(low, high)) = marks.get(&(topic.to_string(), partition)) else { continue };
            let start = match (others.or(known.offset).or(group), self.origin.of(partition)) {
                (Some(start), _) | (None, Begin::Offset(start)) => start,
                (None, Begin::Earliest) => low,
                // Retention may have taken away what came since.
                (None, Begin::Latest) => {
                    self.ends.get(partition as usize).map_or(high, |end| (*end).clamp(low, high))
                }
                // The end as it was before the question: what was written since is looked at.
                (None, Begin::At(time)) => {
                    let mut asked = TopicPartitionList::new();
                    let at = Offset::Offset(time);
                    asked.add_partition_offset(topic, number(partition), at).map_err(failed)?;
                    let since = consumer.offsets_for_times(asked, left(deadline)).map_err(failed)?;
                    let since = since.find_partition(topic, number(partition));
                    since
                        .map(|found| found.error().map(|()| found.offset()))
                        .transpose()
                        .map_err(failed)?
                        .and_then(offset)
                        .unwrap_or(high)
                }
            };
            check_bounds(topic, partition, start, (low, high))?;
            starts.insert(partition, Known { offset: Some(start), ..known });
        }
        if !stateless.is_empty() {
            tracing::warn!(
                "the state is missing for topic `{topic}`, partitions {stateless:?}: the group goes on where it was, and \
                 what was made of the records before is not in the caches; `state.dir` says where the state is looked \
                 for"
            );
        }
        Ok(starts)
    }
}

fn offset(offset: Offset) -> Option<i64> {
    match offset {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    }
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_wanted_and_what_there_is() {
        assert!(check_bounds("t", 0, 5, (5, 5)).is_ok());
        let error = check_bounds("t", 3, 4, (5, 9)).unwrap_err().to_string();
        assert_eq!(error, "topic `t`, partition 3: offset 4 is wanted, but the log holds 5 to 9");
        assert!(check_bounds("t", 3, 10, (5, 9)).is_err());
    }
}
