//! Where reading begins in each partition: the store's position, else the group's, else the topic's start.

use super::admin::{Admin, is_away};
use super::marks::marks;
use super::number::number;
use crate::error::{Error, ErrorKind, Result};
use crate::log::{
    GroupOffset, Hears, Known, Mark, Origin, Position, Start as Begin, Subscription, Told, check_bounds,
};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is known of a partition.
struct Answer {
    partition: u32,
    group: Option<Told>,
    bounds: (i64, i64),
    /// Where the records of the asked time begin, if that is where to start.
    since: Option<i64>,
}

/// Where a consumer begins.
#[derive(Default)]
pub(super) struct Begins {
    /// The offset to read first, by partition, each of them one that the log holds.
    pub(super) all: BTreeMap<u32, Known>,
    /// Those of them that are a start which moves. The group is told: it has begun there, also if nothing comes for long.
    pub(super) new: Vec<GroupOffset>,
}

/// Part of a subscription: how to find the start of a partition.
pub(super) struct Start {
    pub(super) topic: Arc<str>,
    origin: Origin,
    /// Where the partitions ended when this began: what was written since is behind the latest record.
    ends: Vec<i64>,
    pub(super) position: Position,
    hears: Hears,
}

impl Start {
    /// Asks the broker where the topic ends now, if that is where it is to start.
    pub(super) fn of(subscription: &Subscription, admin: &Admin) -> Result<Self> {
        let Subscription { topic, origin, position, hears, .. } = subscription;
        let ends = match origin {
            Origin::Latest => admin.ends(topic)?,
            _ => Vec::new(),
        };
        Ok(Start {
            topic: topic.clone(),
            origin: *origin,
            ends,
            position: position.clone(),
            hears: hears.clone(),
        })
    }

    /// Where to begin; `None` if the broker is away, and is to be asked again.
    pub(super) fn offsets<C: ConsumerContext>(
        &self,
        consumer: &BaseConsumer<C>,
        partitions: &[u32],
        deadline: Instant,
    ) -> Result<Option<Begins>> {
        match self.ask(consumer, partitions, deadline) {
            Ok(answers) => self.judge(answers).map(Some),
            Err(error) if is_away(&error) => Ok(None),
            Err(error) => {
                let message = format!("topic `{}`: the broker does not say where to start", self.topic);
                Err(Error::caused(ErrorKind::Log, message, error))
            }
        }
    }

    /// What the group knows of each partition, and what the log holds.
    fn ask<C: ConsumerContext>(
        &self,
        consumer: &BaseConsumer<C>,
        partitions: &[u32],
        deadline: Instant,
    ) -> KafkaResult<Vec<Answer>> {
        let topic = &self.topic;
        let mut asked = TopicPartitionList::new();
        for &partition in partitions {
            asked.add_partition(topic, number(partition));
        }
        let committed = match asked.count() {
            0 => asked,
            _ => consumer.committed_offsets(asked, left(deadline))?,
        };
        let all = partitions.iter().map(|&partition| (topic, partition));
        let marks = marks(consumer, all, left(deadline))?;
        let mut answers = Vec::new();
        for &partition in partitions {
            let group = match committed.find_partition(topic, number(partition)) {
                Some(found) => {
                    found.error()?;
                    let by = Mark::parse(found.metadata());
                    offset(found.offset()).map(|offset| Told { partition, offset, by })
                }
                None => None,
            };
            let Some(&bounds) = marks.get(&(topic.to_string(), partition)) else { continue };
            let since = match self.origin.of(partition) {
                // The end as it was before the question: what was written since is looked at.
                Begin::At(time) if group.is_none() => {
                    Some(self.since(consumer, partition, time, deadline)?.unwrap_or(bounds.1))
                }
                _ => None,
            };
            answers.push(Answer { partition, group, bounds, since });
        }
        Ok(answers)
    }

    /// The offset of the first record of a time or later.
    fn since<C: ConsumerContext>(
        &self,
        consumer: &BaseConsumer<C>,
        partition: u32,
        time: i64,
        deadline: Instant,
    ) -> KafkaResult<Option<i64>> {
        let mut asked = TopicPartitionList::new();
        asked.add_partition_offset(&self.topic, number(partition), Offset::Offset(time))?;
        let since = consumer.offsets_for_times(asked, left(deadline))?;
        let since = since.find_partition(&self.topic, number(partition));
        Ok(since.map(|found| found.error().map(|()| found.offset())).transpose()?.and_then(offset))
    }

    fn judge(&self, answers: Vec<Answer>) -> Result<Begins> {
        let topic = &self.topic;
        let mut begins = Begins::default();
        let told: Vec<Told> = answers.iter().filter_map(|answer| answer.group).collect();
        (self.hears)(&told)?;
        for Answer { partition, group, bounds: (low, high), since } in answers {
            let known = (self.position)(partition);
            let group = group.map(|told| told.offset);
            let start = match (known.offset.or(group), self.origin.of(partition)) {
                (Some(start), _) | (None, Begin::Offset(start)) => start,
                (None, Begin::Earliest) => low,
                // Retention may have taken away what came since.
                (None, Begin::Latest) => {
                    self.ends.get(partition as usize).map_or(high, |end| (*end).clamp(low, high))
                }
                (None, Begin::At(_)) => since.unwrap_or(high),
            };
            check_bounds(topic, partition, start, (low, high))?;
            if known.offset.or(group).is_none() && self.origin.of(partition).moves() {
                let by = Some(Mark::BEGINNING);
                begins.new.push(GroupOffset { topic: topic.clone(), partition, offset: start, by });
            }
            begins.all.insert(partition, Known { offset: Some(start), ..known });
        }
        Ok(begins)
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
