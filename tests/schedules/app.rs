//! The app that is played with: who beats, who is enriched, and who goes back.

use slipstream::prelude::*;
use slipstream::testing::Input;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// How far an event may be ahead of what it is enriched with, in seconds.
pub(super) const LEFT_BEHIND: i64 = 10;
pub(super) const RIGHT_BEHIND: i64 = 20;

pub(super) const PARTITIONS: u32 = 3;

/// How many handlers of events there are, of which each app has one.
pub(super) const KINDS: u64 = 4;

/// What has no end: its beats come again after an abort.
pub(super) static LEFTS: Topic<u64, i64> = Topic::new("lefts").start(Start::Earliest);
/// What may end, and forgets what an abort has swallowed.
pub(super) static RIGHTS: Input<i64> = Input::new("rights");
/// The number of an event, and its time.
pub(super) static EVENTS: Topic<u64, i64> =
    Topic::new("events").partitions(PARTITIONS).start(Start::Earliest);
pub(super) static DONE: Topic<u64, Enriched> = Topic::new("done");

/// How far the two are.
static LATEST: Cache<String, i64> = Cache::new("latest");
/// For each checkpoint the first event of each partition that was handled while it was down.
static FIRST: Cache<String, BTreeMap<u32, i64>> = Cache::new("first");

/// Whether the right one has come to its end.
#[derive(Clone, Default)]
pub(super) struct Over(pub(super) Arc<AtomicBool>);

/// An event as it was handled: by which times of the others, and whether something was down.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Enriched {
    pub(super) at: i64,
    pub(super) left: i64,
    pub(super) right: i64,
    pub(super) was_down: bool,
}

/// How often callbacks were called, also by steps that were made again.
pub(super) static RECOVERIES: AtomicU64 = AtomicU64::new(0);
/// Where they were given other offsets than those of the pulses that found it. A topic, since only the steps that stand
/// count: one that is about to be made again may have seen something newer than what it was called for.
pub(super) static OTHER_OFFSETS: Topic<String, String> = Topic::new("other_offsets");

pub(super) fn time(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}

const LEFT: Dependency = Dependency::new("left", secs(LEFT_BEHIND as u64));
const RIGHT: Dependency = Dependency::new("right", secs(RIGHT_BEHIND as u64));
const ALSO: Dependency = Dependency::new("also left", secs(LEFT_BEHIND as u64 + 5));
/// The mistakes that are planted: the one is not recovered by an equal time, as in the original.
const LATER: Dependency = RIGHT.recovered_if(|beat| beat.heartbeat() > beat.pulse());

static BOTH: Checkpoint =
    Checkpoint::new("both", &[LEFT, RIGHT]).on_downtime(&may_fail).on_recovery(&go_back);
static ALONE: Checkpoint = Checkpoint::new("alone", &[ALSO]).on_recovery(&go_back);
static STRICT: Checkpoint = Checkpoint::new("both", &[LEFT, LATER]).on_recovery(&go_back);
static NEWEST: Checkpoint = Checkpoint::new("both", &[LEFT, RIGHT]).on_recovery(&go_to_the_newest);
static DEAF: Checkpoint = Checkpoint::new("both", &[LEFT, RIGHT]).on_recovery(&go_back_unless_it_fails);

/// Some numbers that depend on an outage: the callbacks keep nothing, and are called again where a step is made again.
fn mood(outage: &Outage) -> i64 {
    outage.offsets().values().sum::<i64>() + outage.downtime().as_secs() as i64
}

async fn may_fail(outage: Outage) -> Result<()> {
    match mood(&outage) % 8 {
        0 => Err(Error::msg("on purpose")),
        #[allow(clippy::panic)] // on purpose
        1 => panic!("on purpose"),
        2 => std::future::pending().await,
        _ => Ok(()),
    }
}

async fn go_back(outage: Outage) -> Result<()> {
    RECOVERIES.fetch_add(1, Relaxed);
    let first = FIRST.get(outage.checkpoint())?;
    // There is none where a callback is called again that had come so far outside of a step, nor of events passed over.
    if let Some(first) = first.filter(|first| first != outage.offsets()) {
        let note = format!("`{}` went back to {:?}, not to {first:?}", outage.checkpoint(), outage.offsets());
        OTHER_OFFSETS.send((outage.checkpoint().to_owned(), note)).await?;
    }
    EVENTS.seek_back(outage.offsets().clone()).await?;
    FIRST.delete(outage.checkpoint())?;
    // What it has done by now counts.
    may_fail(outage).await
}

/// As the original, which hands over the newest offset.
async fn go_to_the_newest(outage: Outage) -> Result<()> {
    EVENTS.seek_back(outage.offsets().iter().map(|(partition, offset)| (*partition, offset + 1))).await
}

/// A callback that fails before it has done anything.
async fn go_back_unless_it_fails(outage: Outage) -> Result<()> {
    may_fail(outage.clone()).await?;
    go_back(outage).await
}

fn latest(which: &str, at: i64) -> Result<(String, i64)> {
    Ok((which.to_owned(), LATEST.get(which)?.unwrap_or(0).max(at)))
}

/// What a handler of events does, before which its checkpoints were asked.
fn enrich(record: &Record<u64, i64>, downtime: &Downtime, over: &Over) -> Result<(u64, Enriched)> {
    let down = |of: &[&str]| of.iter().any(|name| downtime.of(name).is_some());
    for (name, is_down) in [("both", down(&["left", "right"])), ("alone", down(&["also left"]))] {
        if is_down {
            let mut first = FIRST.get(name)?.unwrap_or_default();
            let offset = first.entry(record.partition()).or_insert(record.offset());
            *offset = record.offset().min(*offset);
            FIRST.put(name, &first)?;
        }
    }
    let [left, right] = ["left", "right"].map(|which| LATEST.get(which));
    let (left, right) = (left?.unwrap_or(0), right?.unwrap_or(0));
    // What has come to its end is as new as it can be.
    let right = if over.0.load(Relaxed) { i64::MAX } else { right };
    let enriched = Enriched { at: record.value, left, right, was_down: downtime.is_any() };
    Ok((record.key, enriched))
}

/// The handlers, each as often as there are checkpoints in the place of `both`.
macro_rules! handlers {
    ($($module:ident $both:ident;)*) => {$(
        pub(super) mod $module {
            use super::*;

            #[handle(source = LEFTS, before = [$both.dependency("left"), ALONE], time = |at| time(*at), sink = [LATEST])]
            fn left(at: i64) -> Result<(String, i64)> {
                latest("left", at)
            }

            #[handle(source = RIGHTS, before = [$both.dependency("right")], time = |at| time(*at), sink = [LATEST])]
            fn right(at: i64) -> Result<(String, i64)> {
                latest("right", at)
            }

            #[handle(source = EVENTS, name = "events", after = [$both, ALONE], time = |event| time(event.value), sink = [DONE])]
            fn one_by_one(event: &Record<u64, i64>, downtime: Downtime, over: State<Over>) -> Result<(u64, Enriched)> {
                enrich(event, &downtime, &over)
            }

            #[handle(source = EVENTS, name = "events", after = [$both, ALONE], time = |event| time(event.value), sink = [DONE],
                     lanes = partitions)]
            fn by_partition(event: Record<u64, i64>, downtime: Downtime, over: State<Over>) -> Result<(u64, Enriched)> {
                enrich(&event, &downtime, &over)
            }

            #[handle(source = EVENTS, name = "events", after = [$both, ALONE], time = |event| time(event.value), sink = [DONE],
                     concurrency = 3)]
            fn by_key(event: Record<u64, i64>, downtime: Downtime, over: State<Over>) -> Result<(u64, Enriched)> {
                enrich(&event, &downtime, &over)
            }

            #[handle(source = EVENTS, name = "events", after = [$both, ALONE], time = |event| time(event.value), sink = [DONE],
                     on_error = skip)]
            fn or_not(event: &Record<u64, i64>, downtime: Downtime, over: State<Over>) -> Result<(u64, Enriched)> {
                if downtime.is_any() { Err(Error::msg("not without the others")) } else { enrich(event, &downtime, &over) }
            }

            pub(in super::super) fn app(app: App, kind: u64) -> App {
                let app = app.handler(left).handler(right);
                match kind {
                    0 => app.handler(one_by_one),
                    1 => app.handler(by_partition),
                    2 => app.handler(by_key),
                    _ => app.handler(or_not),
                }
            }
        }
    )*};
}

handlers! {
    right_ones BOTH;
    strict STRICT;
    newest NEWEST;
    deaf DEAF;
}
