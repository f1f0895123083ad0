//! Where reading begins in each partition: the store's position, else the group's, else the topic's start.

use super::admin::{Admin, is_away};
use super::number::number;
use crate::error::{Error, ErrorKind, Result};
use crate::log::{Known, Origin, Position, Subscription, check_bounds};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is known of a partition.
struct Answer {
    partition: u32,
    known: Known,
    group: Option<i64>,
    bounds: (i64, i64),
}

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
            Origin::Earliest => Vec::new(),
            Origin::Latest => admin.ends(topic)?,
        };
        Ok(Start { topic: topic.clone(), origin: *origin, ends, position: position.clone(), keeps: *keeps })
    }

    /// The offset to read first, by partition, each of them one that the log holds; `None` if the broker is away, and is to be
    /// asked again.
    pub(super) fn offsets<C: ConsumerContext>(
        &self,
        consumer: &BaseConsumer<C>,
        partitions: &[u32],
        deadline: Instant,
    ) -> Result<Option<BTreeMap<u32, Known>>> {
        match self.ask(consumer, partitions, deadline) {
            Ok(answers) => self.judge(answers).map(Some),
            Err(error) if is_away(&error) => Ok(None),
            Err(error) => {
                let message = format!("topic `{}`: the broker does not say where to start", self.topic);
                Err(Error::caused(ErrorKind::Log, message, error))
            }
        }
    }

    /// What the store knows of each partition, what the group does, and what the log holds.
    fn ask<C: ConsumerContext>(
        &self,
        consumer: &BaseConsumer<C>,
        partitions: &[u32],
        deadline: Instant,
    ) -> KafkaResult<Vec<Answer>> {
        let topic = &self.topic;
        let known: BTreeMap<u32, Known> =
            partitions.iter().map(|&partition| (partition, (self.position)(partition))).collect();
        let mut asked = TopicPartitionList::new();
        for (&partition, _) in known.iter().filter(|(_, known)| known.offset.is_none()) {
            asked.add_partition(topic, number(partition));
        }
        let committed =
            if asked.count() == 0 { asked } else { consumer.committed_offsets(asked, left(deadline))? };
        let mut answers = Vec::new();
        for (partition, known) in known {
            let group = match committed.find_partition(topic, number(partition)) {
                Some(found) => {
                    found.error()?;
                    offset(found.offset())
                }
                None => None,
            };
            let bounds = consumer.fetch_watermarks(topic, number(partition), left(deadline))?;
            answers.push(Answer { partition, known, group, bounds });
        }
        Ok(answers)
    }

    fn judge(&self, answers: Vec<Answer>) -> Result<BTreeMap<u32, Known>> {
        let topic = &self.topic;
        let mut starts = BTreeMap::new();
        // Where the group has read before, and the state has not.
        let mut stateless = Vec::new();
        for Answer { partition, known, group, bounds: (low, high) } in answers {
            if known.offset.is_none() && group.is_some() && self.keeps {
                stateless.push(partition);
            }
            let start = known.offset.or(group).unwrap_or(match self.origin {
                Origin::Earliest => low,
                // Retention may have taken away what came since.
                Origin::Latest => {
                    self.ends.get(partition as usize).map_or(high, |end| (*end).clamp(low, high))
                }
            });
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
