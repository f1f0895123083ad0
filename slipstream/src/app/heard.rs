//! Who is right about the position in a partition that other instances of the app may have had meanwhile.
//!
//! The store, where it knows the partition. But what another instance has done from there on is not in this state: where
//! handlers keep anything, it is stale, and `state.on.loss` says what to do; where they keep nothing they go on behind it.
//! Where nothing is stored the log goes by the group, and by the topic's start.

use crate::error::{Error, ErrorKind, Result};
use crate::log::{Hears, Mark, Told};
use crate::scope::Shared;
use std::sync::Arc;

/// Hears what the group knows of the partitions of a source, before their positions are asked for.
pub(super) fn hears(shared: &Arc<Shared>, source: &str, keeps: bool) -> Hears {
    let (shared, source) = (Arc::downgrade(shared), source.to_owned());
    Arc::new(move |told| match shared.upgrade() {
        Some(shared) => hear(&shared, &source, keeps, told),
        None => Ok(()),
    })
}

fn hear(shared: &Shared, source: &str, keeps: bool, told: &[Told]) -> Result<()> {
    // Also a cache that is written in the midst of a handler, which does not say so.
    let may_keep = keeps || shared.state.has_caches()?;
    let (mut missing, mut stale) = (Vec::new(), Vec::new());
    for Told { partition, offset, by } in told.iter().filter(|told| told.by != Some(Mark::BEGINNING)) {
        // Where the group is further by a commit of ours, a seek has gone back since, or is about to be told.
        let is_ours = by.is_some_and(|by| shared.state.has_made(by));
        match shared.least_place(source, *partition)? {
            None if keeps => missing.push(*partition),
            Some(own) if own < *offset && !may_keep && !is_ours => shared.go_on(source, *partition, *offset),
            Some(own) if own < *offset && may_keep && by.is_some() && !is_ours => {
                stale.push(*partition);
            }
            _ => {}
        }
    }
    let topic = shared.topic_name(source);
    if !missing.is_empty() {
        tracing::warn!(
            "the state is missing for topic `{topic}`, partitions {missing:?}: the group goes on where it was, and what was \
             made of the records before is not in the caches; `state.dir` says where the state is looked for"
        );
    }
    if stale.is_empty() {
        return Ok(());
    }
    let what = format!(
        "topic `{topic}`, partitions {stale:?}: another instance has read on from where this state is, and what it made of \
         the records is not here"
    );
    if shared.config.get("state.on.loss") == Some("replay") {
        tracing::warn!("{what}: they are taken again, and what is sent of them is sent again");
        return Ok(());
    }
    let text = format!(
        "{what}: set `state.on.loss` to `replay`, which takes them again here and sends their outputs again, or begin \
         with an empty state"
    );
    Err(Error::new(ErrorKind::StateRolledBack, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::config::Config;
    use crate::steps::State;
    use crate::store::{Budget, Store};

    /// A seek of its own went back to 3, and the group has not heard of it yet.
    #[tokio::test]
    async fn who_keeps_nothing_goes_on_behind_others_and_not_behind_itself() {
        let state = State::open(Arc::new(Store::in_memory()), Budget::default()).unwrap();
        let shared = Shared::new(Config::new(), Clock::default(), state, Default::default());
        shared.reads("topic", vec!["handler".to_owned()]);
        shared.go_on("topic", 0, 3);
        let (_, ours) = shared.state.commit(|_| {}).await.unwrap().unwrap();
        let heard = |by| {
            hear(&shared, "topic", false, &[Told { partition: 0, offset: 10, by }]).unwrap();
            shared.least_place("topic", 0).unwrap()
        };
        assert_eq!(heard(Some(ours)), Some(3));
        assert_eq!(heard(Some(Mark { instance: ours.instance.wrapping_add(1), ..ours })), Some(10));
    }
}
