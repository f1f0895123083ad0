//! Preflight: all problems of the wiring in one report, before the first message.

use super::App;
use super::job::unwound;
use super::lanes::Plan;
use super::wiring::Wiring;
use crate::error::{Error, ErrorKind, Result};
use crate::needs::{Named, Need};
use crate::source::SourceId;
use crate::steps::RESERVED;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Asks every handler what it is.
pub(super) fn plan(app: &App) -> Plan {
    let mut plan = Plan::default();
    for entry in &app.entries {
        let mut wiring = Wiring::new(&mut plan, entry.name, entry.place());
        let wire = || {
            (entry.wire)(&mut wiring);
            Ok(())
        };
        if let Err(error) = unwound("an option of it", wire) {
            plan.problems.push(format!("`{}` at {}: {error}", entry.name, entry.place()));
        }
    }
    fns_named_apart_from_statics(&mut plan);
    plan
}

/// A fn that is called like a static, as `quakes` and the topic `quakes`, goes by its name with `()`.
fn fns_named_apart_from_statics(plan: &mut Plan) {
    let statics = plan.lanes.iter().filter(|lane| matches!(lane.id(), SourceId::Static(_)));
    let statics: BTreeSet<String> = statics.map(|lane| lane.name().to_owned()).collect();
    for lane in plan.lanes.iter_mut().filter(|lane| matches!(lane.id(), SourceId::Fn(_))) {
        if statics.contains(lane.name()) {
            let name = format!("{}()", lane.name());
            lane.rename(name);
        }
    }
}

/// Checks what the handlers said, and what the app was given.
pub(super) fn check(app: &App, plan: &Plan) -> Result<()> {
    let mut problems = wiring(app, plan);
    for (place, need) in &plan.needs.all {
        if let Need::State { id, types } = need
            && !app.states.contains_key(id)
        {
            problems.push(format!("{place} needs `State<{types}>`: give the app one by `.state(..)`"));
        }
    }
    settings(app, plan, &mut problems);
    report(&problems)
}

/// What is wrong with the handlers among each other, whatever the app was given.
pub(super) fn wiring(app: &App, plan: &Plan) -> Vec<String> {
    let mut problems = plan.problems.clone();
    if app.entries.is_empty() && app.strangers.is_empty() && !app.idle {
        problems.push(no_handlers(app).to_owned());
    }
    for name in &app.misspelt {
        problems.push(format!("there is no handler `{name}` to choose"));
    }
    for stranger in &app.strangers {
        problems.push(format!("`{stranger}` is not a handler: annotate it with `#[handle(source = ..)]`"));
    }
    handlers_named_apart(plan, &mut problems);
    sources_named_apart(plan, &mut problems);
    statics_named_apart(plan, &mut problems);
    for lane in &plan.lanes {
        if let Some(handlers) = lane.cannot_share() {
            problems.push(format!(
                "{} share the source `{}`, whose messages have no `Clone`, and one takes them by value while the other \
                 may still need them: take them by `&`, or derive `Clone`",
                handlers.join(" and "),
                lane.name()
            ));
        }
    }
    channels_are_taken_from(plan, &mut problems);
    super::bindings::check(plan, &mut problems);
    problems
}

fn no_handlers(app: &App) -> &'static str {
    if app.chosen {
        return "there is no handler left to run: check the names given to `only`";
    }
    if !super::registry::collected().is_empty() {
        return "the app was given no handlers: add them by `.handler(..)`, or take all of the program by \
                `App::collected()`";
    }
    "there are no handlers. A handler is a fn with `#[handle(source = ..)]`; those of a library crate are linked only \
     if the crate is named somewhere: add `use that_crate as _;` to the binary"
}

fn handlers_named_apart(plan: &Plan, problems: &mut Vec<String>) {
    let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for about in &plan.abouts {
        if about.name.contains(['/', '#']) {
            problems
                .push(format!("{}: a handler's name has no `/` and no `#`: `{}`", about.place, about.name));
        }
        places.entry(&about.name).or_default().push(about.place.clone());
    }
    for (name, mut places) in places.into_iter().filter(|(_, places)| places.len() > 1) {
        places.sort();
        let added = places.len();
        places.dedup();
        if let [place] = places.as_slice() {
            problems.push(format!("the handler `{name}` at {place} was added {added} times: once is enough"));
            continue;
        }
        problems.push(format!(
            "several handlers are called `{name}`: {}; give them `name = \"..\"`, since positions and counts go by it",
            places.join(", ")
        ));
    }
}

fn sources_named_apart(plan: &Plan, problems: &mut Vec<String>) {
    let mut named: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for lane in plan.lanes.iter().filter(|lane| lane.id() != SourceId::Private) {
        let users = lane.members().into_iter().map(|(name, place)| format!("`{name}` at {place}"));
        named.entry(lane.name()).or_default().push(users.collect::<Vec<_>>().join(" and "));
    }
    for (name, users) in named.into_iter().filter(|(_, users)| users.len() > 1) {
        problems.push(format!(
            "several sources are called `{name}` (of {}); rename one, since positions and counts go by it",
            users.join("; of ")
        ));
    }
}

fn statics_named_apart(plan: &Plan, problems: &mut Vec<String>) {
    let mut seen: BTreeMap<(&str, &str), (&Named, &str)> = BTreeMap::new();
    for (place, need) in &plan.needs.all {
        let (kind, named) = match need {
            Need::Topic(named) => ("topic", named),
            Need::Cache(named) => ("cache", named),
            Need::Channel(named) => ("channel", named),
            Need::Checkpoint(bound) => ("checkpoint", &bound.named),
            Need::State { .. } => continue,
        };
        if kind == "cache" && named.name.starts_with(RESERVED) {
            problems
                .push(format!("{place}: a cache cannot be called `{}`: `{RESERVED}` is ours", named.name));
        }
        let (first, where_first) = seen.entry((kind, named.name)).or_insert((named, place));
        if first.slot == named.slot {
            continue;
        }
        let differ = if first.types == named.types {
            "use one static".to_owned()
        } else {
            format!("one holds `{}`, the other `{}`", first.types, named.types)
        };
        problems.push(format!(
            "two statics are the {kind} `{}`, in {where_first} and in {place}: {differ}",
            named.name
        ));
    }
}

fn channels_are_taken_from(plan: &Plan, problems: &mut Vec<String>) {
    let read: BTreeSet<usize> = plan.lanes.iter().filter_map(|lane| lane.reads()).collect();
    for (place, need) in &plan.needs.all {
        if let Need::Channel(named) = need
            && !read.contains(&named.slot)
        {
            problems.push(format!(
                "{place} sends to the channel `{}`, which no handler of this app takes from: name it as a source",
                named.name
            ));
        }
    }
}

fn settings(app: &App, plan: &Plan, problems: &mut Vec<String>) {
    problems.extend(app.config.problems());
    let id = app.config.app_id();
    if id.is_empty() || id.starts_with('.') || id.contains(['/', '\\', '\0']) {
        problems.push(
            app.config.wrong("app.id", "is a name: it is not empty, has no `/`, and begins with no dot"),
        );
    }
    for (name, default) in [("commit.interval.ms", 1), ("shutdown.timeout.ms", 1)] {
        problems.extend(app.config.millis(name, default).err());
    }
    problems.extend(crate::store::StoreOptions::problems(&app.config));
    let topics: Vec<&str> = plan.needs.topics().into_iter().collect();
    app.config.unknown(&topics).iter().for_each(|unknown| tracing::warn!("{unknown}"));
    if !matches!(app.config.get("topics.create"), None | Some("true" | "false")) {
        problems.push(app.config.wrong("topics.create", "is `true` or `false`"));
    }
    if topics.is_empty() || app.log.is_some() {
        return;
    }
    match app.config.get("kafka.bootstrap.servers") {
        None => problems.push(
            "there are topics, and `kafka.bootstrap.servers` is not set: set it to a broker's address, or to `memory` \
             to keep them in this process"
                .to_owned(),
        ),
        Some("memory") => {}
        Some(_) if cfg!(feature = "kafka") => {}
        Some(_) => problems.push(
            "`kafka.bootstrap.servers` names a broker, and slipstream was built without the feature `kafka`: add it, \
             or set `memory`"
                .to_owned(),
        ),
    }
}

/// All problems as one error.
pub(super) fn report(problems: &[String]) -> Result<()> {
    if problems.is_empty() {
        return Ok(());
    }
    let mut text = match problems.len() {
        1 => "the app cannot run:".to_owned(),
        n => format!("the app cannot run, for {n} reasons:"),
    };
    for problem in problems {
        // Writing to a string does not fail.
        let _ = write!(text, "\n  - {problem}");
    }
    Err(Error::new(ErrorKind::Preflight, text))
}
