//! What went wrong with checkpoints in the original, one test for each.

use slipstream::prelude::*;
use slipstream::testing::{self, Input, Output, stopped_clock};
use std::collections::BTreeMap;

fn time(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

static LEADER: Input<i64> = Input::new("leader");
static EVENTS: Topic<u64, i64> = Topic::new("events").partitions(3).start(Start::Earliest);
static KNOWN: Cache<String, i64> = Cache::new("known");
static TOLD: Output<BTreeMap<u32, i64>> = Output::new("told");
static SEEN: Output<(i64, i64)> = Output::new("seen");
static OFFSETS: Channel<Vec<(u32, i64)>> = Channel::new("offsets");

/// It stays up, so that more is handled while the leader is down.
static LOOSE: Checkpoint =
    Checkpoint::new("loose", &[Dependency::new("leader", secs(10))]).on_recovery(&tell).without_pause();
static SYNC: Checkpoint = Checkpoint::new("sync", &[Dependency::new("leader", secs(10))]).on_recovery(&back);

async fn tell(outage: Outage) -> Result<()> {
    OFFSETS.send(outage.offsets().clone().into_iter().collect()).await
}

async fn back(outage: Outage) -> Result<()> {
    EVENTS.seek_back(outage.offsets().clone()).await
}

#[handle(source = OFFSETS, sink = [TOLD])]
fn told(offsets: Vec<(u32, i64)>) -> BTreeMap<u32, i64> {
    offsets.into_iter().collect()
}

#[handle(source = LEADER, before = [LOOSE], time = |at| time(*at))]
fn lead_loosely(_at: i64) {}

#[handle(source = EVENTS, after = [LOOSE], time = |at| time(*at))]
fn follow_loosely(_at: &i64) {}

async fn send(app: &Running, times: impl IntoIterator<Item = (u64, i64)>) {
    for (key, at) in times {
        app.scope(EVENTS.send((key, at))).await.unwrap();
        app.quiet().await;
    }
}

async fn beat(app: &Running, at: i64) {
    app.feed(&LEADER, [at]).unwrap();
    app.quiet().await;
}

/// There `on_recovery` gets the newest offsets, and each late heartbeat takes them over.
#[tokio::test]
async fn the_offsets_are_of_the_pulses_that_found_it_though_more_came_and_late_heartbeats() {
    let app = testing::app().clock(stopped_clock());
    let app = app.handler(lead_loosely).handler(follow_loosely).handler(told).start().await.unwrap();
    beat(&app, 0).await;
    // Keys of all three partitions; the first round is well.
    let keys = 0..9_u64;
    send(&app, keys.clone().map(|key| (key, 5))).await;
    let before = app.report().handler("follow_loosely").done;
    assert_eq!(before, 9);
    let mut ends = BTreeMap::new();
    for key in keys.clone() {
        let receipt = app.scope(EVENTS.send((key, 20))).await.unwrap().unwrap();
        ends.entry(receipt.partition).or_insert(receipt.offset);
        app.quiet().await;
    }
    for late in [6, 7] {
        beat(&app, late).await;
        send(&app, keys.clone().map(|key| (key, 21))).await;
    }
    assert_eq!(app.drain(&TOLD).unwrap(), []);
    beat(&app, 21).await;
    assert_eq!(app.drain(&TOLD).unwrap(), [ends]);
    app.assert_conserved();
}

#[handle(source = LEADER, before = [SYNC], time = |at| time(*at), sink = [KNOWN])]
fn lead(at: i64) -> (String, i64) {
    ("leader".to_owned(), at)
}

#[handle(source = EVENTS, after = [SYNC], time = |at| time(*at), sink = [SEEN])]
fn follow(at: i64) -> Result<(i64, i64)> {
    Ok((at, KNOWN.get("leader")?.unwrap_or(0)))
}

/// There a bound heartbeat is a handler of its own, and the dependent may go on before the other one has stored the message.
#[tokio::test]
async fn what_the_message_stores_that_recovers_is_there_when_the_dependent_goes_on() {
    let app = testing::app().clock(stopped_clock()).handler(lead).handler(follow).start().await.unwrap();
    beat(&app, 0).await;
    send(&app, [(1, 5), (1, 20), (1, 21)]).await;
    // Equal times recover; there they do not.
    beat(&app, 20).await;
    assert_eq!(app.drain(&SEEN).unwrap(), [(5, 0), (20, 0), (20, 20), (21, 20)]);
    app.assert_conserved();
}
