//! Partitions that the group takes back: before that is answered, lanes may finish what they were handed.
//!
//! A commit is taken by the group until the answer, and so whoever has a partition next goes on behind it.

use crate::log::GroupOffset;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long the group waits for it: the other members stand still meanwhile. A lane that takes longer, or a pipe that
/// keeps messages, has them handled once more by whoever is next.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where the group was told that its positions are, and what it is still to be told.
#[derive(Default)]
pub(super) struct Parting {
    /// By topic and partition, also of those that are gone.
    told: BTreeMap<(Arc<str>, u32), i64>,
    /// Up to where lanes were handed records, where that is not committed yet; until when that is waited for.
    waits: Option<(BTreeMap<(Arc<str>, u32), i64>, Instant)>,
}

impl Parting {
    /// The group was told a position.
    pub(super) fn told(&mut self, GroupOffset { topic, partition, offset, .. }: &GroupOffset) {
        let key = (topic.clone(), *partition);
        if let Some((wanted, _)) = &mut self.waits
            && wanted.get(&key).is_some_and(|wanted| offset >= wanted)
        {
            wanted.remove(&key);
        }
        self.told.insert(key, *offset);
    }

    /// A partition is read from here: up to there nothing is in hand, whatever the group was told before.
    pub(super) fn begins(&mut self, topic: &Arc<str>, partition: u32, offset: i64) {
        self.told.insert((topic.clone(), partition), offset);
    }

    /// Begins to wait until the group is told these, which lanes have been handed.
    pub(super) fn begin(&mut self, handed: impl Iterator<Item = ((Arc<str>, u32), i64)>) {
        let is_new = |(key, offset): &(_, i64)| self.told.get(key).is_none_or(|told| told < offset);
        self.waits = Some((handed.filter(is_new).collect(), Instant::now() + PATIENCE));
    }

    /// Whether a partition's position is waited for.
    pub(super) fn wants(&self, topic: &Arc<str>, partition: u32) -> bool {
        self.waits.as_ref().is_some_and(|(wanted, _)| wanted.contains_key(&(topic.clone(), partition)))
    }

    /// Whether the group can be answered now, once.
    pub(super) fn is_over(&mut self) -> bool {
        let over =
            self.waits.as_ref().is_some_and(|(wanted, until)| wanted.is_empty() || Instant::now() >= *until);
        if over {
            self.waits = None;
        }
        over
    }

    /// Ends the waiting; whether there was any.
    pub(super) fn end(&mut self) -> bool {
        self.waits.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_over_when_the_group_knows_all_that_was_handed_on() {
        let topic: Arc<str> = "t".into();
        let told = |parting: &mut Parting, partition, offset| {
            parting.told(&GroupOffset { topic: topic.clone(), partition, offset, by: None });
        };
        let mut parting = Parting::default();
        told(&mut parting, 0, 5);
        parting.begin([((topic.clone(), 0), 5), ((topic.clone(), 1), 7)].into_iter());
        assert!(!parting.wants(&topic, 0) && parting.wants(&topic, 1) && !parting.is_over());
        told(&mut parting, 1, 6);
        assert!(!parting.is_over());
        told(&mut parting, 1, 7);
        assert!(parting.is_over() && !parting.is_over(), "it is answered once");
    }
}
