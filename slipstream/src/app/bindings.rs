//! The checkpoints that handlers are bound to: whether they can be, and what they are told before the first message.

use super::lanes::Plan;
use crate::needs::{Bound, Need, Prepare};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The sources of a handler, by the names that they have now.
fn sources(plan: &Plan, handler: &str) -> Vec<String> {
    let lanes = plan.lanes.iter().filter(|lane| lane.members().iter().any(|(name, _)| name == handler));
    lanes.map(|lane| lane.name().to_owned()).collect()
}

/// Each binding with its place and the sources of its handler; the dependents first.
fn all(plan: &Plan) -> Vec<(&String, &Bound, Vec<String>)> {
    let bound = plan.needs.all.iter().filter_map(|(place, need)| match need {
        Need::Checkpoint(bound) => Some((place, bound, sources(plan, &bound.handler))),
        _ => None,
    });
    let mut all: Vec<_> = bound.collect();
    all.sort_by_key(|(_, bound, _)| bound.beats);
    all
}

/// A checkpoint has one dependent, which cannot be what it depends on.
pub(super) fn check(plan: &Plan, problems: &mut Vec<String>) {
    let mut dependents: BTreeMap<usize, (&String, Vec<String>)> = BTreeMap::new();
    for (place, Bound { named, beats, .. }, sources) in all(plan) {
        let name = named.name;
        match dependents.get(&named.slot) {
            None if *beats => {}
            None => drop(dependents.insert(named.slot, (place, sources))),
            Some((first, known)) if *beats => {
                let own: BTreeSet<_> = sources.iter().filter(|source| known.contains(source)).collect();
                problems.extend(own.into_iter().map(|source| {
                    format!(
                        "`{source}` is before the checkpoint `{name}` in {place}, and after it in {first}: it would wait \
                         for itself"
                    )
                }));
            }
            Some((_, known)) if *known == sources => {}
            Some((first, _)) => problems.push(format!(
                "two sources are after the checkpoint `{name}`, in {first} and in {place}: give each its own, since it \
                 is paused, and gone back in, apart"
            )),
        }
    }
}

/// Tells all checkpoints who is bound to them.
pub(super) fn ready(plan: &Plan) -> Option<(String, Prepare)> {
    let told: Vec<_> = all(plan)
        .into_iter()
        .flat_map(|(_, bound, sources)| {
            let tell = |source| (bound.ready.clone(), bound.handler.clone(), source);
            sources.into_iter().map(tell).collect::<Vec<_>>()
        })
        .collect();
    let place = plan.needs.all.iter().find(|(_, need)| matches!(need, Need::Checkpoint(_)))?.0.clone();
    let ready: Prepare =
        Arc::new(move |app| told.iter().try_for_each(|(ready, handler, source)| ready(app, handler, source)));
    Some((place, ready))
}
