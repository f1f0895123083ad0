//! Checkpoints that are bound to handlers: both sides are called by themselves, and a handler can take the downtime.

use super::common::{LONG, within};
use slipstream::prelude::*;
use slipstream::testing::{self, Broker, Input, Output, stopped_clock};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

#[derive(Clone, Serialize, Deserialize)]
struct Reading {
    seconds: i64,
    name: String,
}

fn time(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

fn when(reading: &Reading) -> DateTime<Utc> {
    time(reading.seconds)
}

/// What was handled, and how many seconds each of two dependencies was behind.
type Seen = (i64, Option<u64>, Option<u64>);
static SEEN: Output<Seen> = Output::new("seen");

fn seen(seconds: i64, downtime: &Downtime) -> Seen {
    let of = |name| downtime.of(name).map(|behind| behind.as_secs());
    (seconds, of("left"), of("right"))
}

/// Sends to one partition, and lets all come to rest after each.
async fn send(app: &Running, topic: &'static Topic<u64, Reading>, times: impl IntoIterator<Item = i64>) {
    for seconds in times {
        let reading = Reading { seconds, name: "a reading".to_owned() };
        app.scope(topic.send(Record::new(1, reading).at(time(seconds)))).await.unwrap();
        app.quiet().await;
    }
}

async fn fed<T: Send + 'static>(app: &Running, input: &'static Input<T>, item: T) {
    app.feed(input, [item]).unwrap();
    app.quiet().await;
}

static LEADER: Input<Reading> = Input::new("leader");
static EVENTS: Topic<u64, Reading> = Topic::new("events").start(Start::Earliest);
static ONE: Checkpoint = Checkpoint::new("one", &[Dependency::new("left", secs(10))]).on_recovery(&back);

async fn back(outage: Outage) -> Result<()> {
    EVENTS.seek_back(outage.offsets().clone()).await
}

fn reading(seconds: i64) -> Reading {
    Reading { seconds, name: "the leader".to_owned() }
}

#[handle(source = LEADER, before = [ONE], time = |reading| time(reading.seconds))]
fn lead(reading: &Reading) {
    assert_eq!(reading.name, "the leader");
}

#[handle(source = EVENTS, after = [ONE], time = when, sink = [SEEN])]
fn follow(reading: Reading, downtime: Downtime) -> Seen {
    seen(reading.seconds, &downtime)
}

/// The time of its records, since nothing else is said, and behind a pipe.
#[handle(source = EVENTS, pipe = [values], after = [ONE], sink = [SEEN])]
fn follow_records(downtime: Downtime, reading: &Reading) -> Seen {
    seen(reading.seconds, &downtime)
}

#[tokio::test]
async fn a_bound_handler_beats_and_checks_by_itself() {
    for by_record in [false, true] {
        let app = testing::app().clock(stopped_clock()).handler(lead);
        let app = if by_record { app.handler(follow_records) } else { app.handler(follow) };
        let app = app.start().await.unwrap();
        fed(&app, &LEADER, reading(0)).await;
        send(&app, &EVENTS, [5, 20, 21]).await;
        assert_eq!(app.drain(&SEEN).unwrap(), [(5, None, None), (20, Some(20), None)], "the last one waits");
        // As far as its dependent, and no further.
        fed(&app, &LEADER, reading(20)).await;
        assert_eq!(app.drain(&SEEN).unwrap(), [(20, None, None), (21, None, None)]);
        app.assert_conserved();
    }
}

static SIDES: Input<(bool, i64)> = Input::new("sides");
static RIGHTS: Input<i64> = Input::new("rights");
static BOTH: Checkpoint =
    Checkpoint::new("both of them", &[Dependency::new("left", secs(10)), Dependency::new("right", secs(20))])
        .on_recovery(&back);

#[handle(source = LEADER, before = [BOTH.dependency("left"), ONE], time = when)]
fn left(_reading: &Reading) {}

#[handle(source = RIGHTS, before = [BOTH.dependency("right")], time = |at| time(*at))]
fn right(_at: i64) {}

#[handle(source = EVENTS, after = [BOTH], sink = [SEEN])]
fn follow_both(reading: Reading, downtime: Downtime) -> Seen {
    seen(reading.seconds, &downtime)
}

#[tokio::test]
async fn with_several_dependencies_the_last_to_recover_goes_back_for_all() {
    let app = testing::app().clock(stopped_clock());
    let app = app.handler(left).handler(right).handler(follow_both).start().await.unwrap();
    fed(&app, &LEADER, reading(0)).await;
    fed(&app, &RIGHTS, 12).await;
    send(&app, &EVENTS, [1, 15, 40]).await;
    assert_eq!(app.drain(&SEEN).unwrap(), [(1, None, None), (15, Some(15), None)]);
    // The left one recovers; then the right one is found down, and the left one once more.
    fed(&app, &LEADER, reading(15)).await;
    assert_eq!(app.drain(&SEEN).unwrap(), [(15, None, None), (40, Some(25), Some(28))]);
    fed(&app, &LEADER, reading(50)).await;
    assert_eq!(app.drain(&SEEN).unwrap(), [], "the right one is down still");
    fed(&app, &RIGHTS, 40).await;
    assert_eq!(app.drain(&SEEN).unwrap(), [(40, None, None)]);
    app.assert_conserved();
}

static OTHER: Checkpoint = Checkpoint::new("other", &[Dependency::new("right", secs(30))]).on_recovery(&back);

#[handle(source = RIGHTS, before = [OTHER], time = |at| time(*at))]
fn right_of_other(_at: i64) {}

#[handle(source = EVENTS, after = [ONE, OTHER], sink = [SEEN])]
fn follow_two(reading: &Reading, downtime: Downtime) -> Seen {
    seen(reading.seconds, &downtime)
}

#[tokio::test]
async fn with_several_checkpoints_a_stream_waits_for_all_and_none_passes_over_what_another_goes_back_to() {
    let app = testing::app().clock(stopped_clock());
    let app = app.handler(lead).handler(right_of_other).handler(follow_two).start().await.unwrap();
    fed(&app, &LEADER, reading(0)).await;
    fed(&app, &RIGHTS, 0).await;
    send(&app, &EVENTS, [1, 20, 35]).await;
    assert_eq!(app.drain(&SEEN).unwrap(), [(1, None, None), (20, Some(20), None)]);
    fed(&app, &LEADER, reading(20)).await;
    assert_eq!(app.drain(&SEEN).unwrap(), [(20, None, None), (35, Some(15), Some(35))], "both at once");
    send(&app, &EVENTS, [36]).await;
    fed(&app, &LEADER, reading(60)).await;
    assert_eq!(app.drain(&SEEN).unwrap(), [], "the one has recovered, and the other has not");
    fed(&app, &RIGHTS, 60).await;
    assert_eq!(app.drain(&SEEN).unwrap(), [(35, None, None), (36, None, None)]);
    app.assert_conserved();
}

#[tokio::test]
async fn who_goes_back_never_passes_over_what_is_still_to_be_done() {
    let app = testing::app().handler(lead).handler(follow).start().await.unwrap();
    fed(&app, &LEADER, reading(9)).await;
    send(&app, &EVENTS, [0, 1, 2, 3, 4]).await;
    app.drain(&SEEN).unwrap();
    app.pause("events", "the test").unwrap();
    app.scope(EVENTS.seek_back([(0, 1)])).await.unwrap();
    // A seek would go on there, and leave out three.
    app.scope(EVENTS.seek_back([(0, 4)])).await.unwrap();
    app.resume("events", "the test").unwrap();
    app.quiet().await;
    let again: Vec<_> = app.drain(&SEEN).unwrap().into_iter().map(|(seconds, ..)| seconds).collect();
    assert_eq!(again, [1, 2, 3, 4]);
    app.assert_conserved();
}

#[tokio::test]
async fn who_was_down_at_a_restart_is_waited_for_before_the_first_message() {
    let broker = Broker::new();
    let start = || broker.app().clock(stopped_clock()).handler(lead).handler(follow).start();
    let app = start().await.unwrap();
    fed(&app, &LEADER, reading(0)).await;
    send(&app, &EVENTS, [1, 20, 21]).await;
    app.stop().await.unwrap();
    assert_eq!(app.drain(&SEEN).unwrap(), [(1, None, None), (20, Some(20), None)]);
    drop(app);
    let app = start().await.unwrap();
    app.quiet().await;
    assert_eq!(app.drain(&SEEN).unwrap(), []);
    fed(&app, &LEADER, reading(30)).await;
    assert_eq!(app.drain(&SEEN).unwrap(), [(20, None, None), (21, None, None)]);
    app.assert_conserved();
}

#[tokio::test]
async fn a_dependency_that_ends_without_a_word_is_not_waited_for() {
    let app = testing::app().handler(lead).handler(follow).start().await.unwrap();
    send(&app, &EVENTS, [1, 20, 21]).await;
    assert_eq!(app.drain(&SEEN).unwrap(), [(1, None, None), (20, Some(19), None)]);
    app.end(&LEADER).unwrap();
    app.quiet().await;
    assert_eq!(app.drain(&SEEN).unwrap(), [(20, None, None), (21, None, None)]);
    app.assert_conserved();
}

#[tokio::test]
async fn a_dependency_that_had_ended_is_watched_again_when_it_runs_again() {
    let broker = Broker::new();
    let start = || broker.app().handler(lead).handler(follow).start();
    let app = start().await.unwrap();
    fed(&app, &LEADER, reading(0)).await;
    app.end(&LEADER).unwrap();
    app.quiet().await;
    send(&app, &EVENTS, [1, 20]).await;
    assert_eq!(app.drain(&SEEN).unwrap(), [(1, None, None), (20, None, None)]);
    app.stop().await.unwrap();
    drop(app);
    let app = start().await.unwrap();
    fed(&app, &LEADER, reading(30)).await;
    send(&app, &EVENTS, [31, 50, 51]).await;
    assert_eq!(app.drain(&SEEN).unwrap(), [(31, None, None), (50, Some(20), None)]);
    app.assert_conserved();
}

static STOPPED: Checkpoint =
    Checkpoint::new("stopped", &[Dependency::new("left", secs(10))]).on_recovery(&back_if_it_may);
static MAY: AtomicBool = AtomicBool::new(false);
static CALLED: AtomicU32 = AtomicU32::new(0);

async fn back_if_it_may(outage: Outage) -> Result<()> {
    CALLED.fetch_add(1, Relaxed);
    match MAY.load(Relaxed) {
        true => back(outage).await,
        false => std::future::pending().await,
    }
}

#[handle(source = LEADER, before = [STOPPED], time = when)]
fn lead_stopped(_reading: &Reading) {}

#[handle(source = EVENTS, after = [STOPPED], sink = [SEEN])]
fn follow_stopped(reading: &Reading, downtime: Downtime) -> Seen {
    seen(reading.seconds, &downtime)
}

#[tokio::test]
async fn an_app_that_stops_while_it_goes_back_after_the_end_of_a_dependency_goes_back_at_its_next_start() {
    let broker = Broker::new();
    let start = || broker.app().clock(stopped_clock()).handler(lead_stopped).handler(follow_stopped).start();
    let app = start().await.unwrap();
    fed(&app, &LEADER, reading(0)).await;
    send(&app, &EVENTS, [1, 20, 21]).await;
    app.end(&LEADER).unwrap();
    app.quiet().await;
    assert_eq!(CALLED.load(Relaxed), 1);
    within(LONG, app.stop()).await.unwrap();
    assert_eq!(app.drain(&SEEN).unwrap(), [(1, None, None), (20, Some(20), None)]);
    drop(app);
    MAY.store(true, Relaxed);
    let app = start().await.unwrap();
    app.end(&LEADER).unwrap();
    app.quiet().await;
    assert_eq!(app.drain(&SEEN).unwrap(), [(20, None, None), (21, None, None)]);
    app.assert_conserved();
}

static GO: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(0);

#[handle(source = LEADER)]
fn also_reads_the_leader(_reading: &Reading) {}

#[handle(source = LEADER, before = [ONE], time = when, buffer = 9)]
async fn lead_behind_the_others(_reading: &Reading) {
    GO.acquire().await.unwrap().forget();
}

#[tokio::test]
async fn a_dependency_has_ended_when_all_that_waited_of_it_has_been_handled() {
    let app = testing::app().clock(stopped_clock());
    let app = app.handler(lead_behind_the_others).handler(also_reads_the_leader).handler(follow);
    let app = app.start().await.unwrap();
    GO.add_permits(1);
    fed(&app, &LEADER, reading(0)).await;
    send(&app, &EVENTS, [1, 20, 21]).await;
    app.drain(&SEEN).unwrap();
    app.feed(&LEADER, [reading(5), reading(6)]).unwrap();
    app.end(&LEADER).unwrap();
    for _ in 0..2 {
        app.quiet().await;
        assert_eq!(app.drain(&SEEN).unwrap(), [], "there is something to wait for");
        GO.add_permits(1);
    }
    app.quiet().await;
    assert_eq!(app.drain(&SEEN).unwrap(), [(20, None, None), (21, None, None)]);
    app.assert_conserved();
}

static WHOLE: Output<(Vec<i64>, bool)> = Output::new("whole");

#[handle(source = EVENTS, pipe = [values, chunks(3)], after = [ONE], sink = [WHOLE],
         time = |readings| when(&readings[readings.len() - 1]))]
fn in_threes(readings: &[Reading], downtime: Downtime) -> (Vec<i64>, bool) {
    (readings.iter().map(|reading| reading.seconds).collect(), downtime.is_any())
}

#[handle(source = EVENTS, pipe = [values, chunks(3)], after = [ONE], sink = [WHOLE], concurrency = 2, key = |_| 0,
         time = |readings| when(&readings[readings.len() - 1]))]
fn in_threes_by_key(readings: &[Reading], downtime: Downtime) -> (Vec<i64>, bool) {
    (readings.iter().map(|reading| reading.seconds).collect(), downtime.is_any())
}

#[tokio::test]
async fn what_a_pipe_has_gathered_comes_again_whole() {
    for by_key in [false, true] {
        let app = testing::app().clock(stopped_clock()).handler(lead);
        let app = if by_key { app.handler(in_threes_by_key) } else { app.handler(in_threes) };
        let app = app.start().await.unwrap();
        fed(&app, &LEADER, reading(0)).await;
        send(&app, &EVENTS, [9, 10, 11]).await;
        fed(&app, &LEADER, reading(11)).await;
        send(&app, &EVENTS, [12, 13, 14, 30, 31, 32]).await;
        fed(&app, &LEADER, reading(32)).await;
        let (first, last) = (vec![9, 10, 11], vec![30, 31, 32]);
        let all = [
            (first.clone(), true),
            (first, false),
            (vec![12, 13, 14], false),
            (last.clone(), true),
            (last, false),
        ];
        assert_eq!(app.drain(&WHOLE).unwrap(), all);
        app.assert_conserved();
    }
}

#[handle(source = SIDES, after = [ONE], time = |side: &(bool, i64)| time(side.1))]
fn after_sides(_side: (bool, i64)) {}

#[handle(source = EVENTS, before = [ONE])]
fn before_itself(_reading: &Reading) {}

#[handle(source = RIGHTS, before = [BOTH, BOTH.dependency("middle")], time = |at| time(*at))]
fn whose(_at: i64) {}

#[handle(source = RIGHTS)]
fn of_nothing(_at: i64, _downtime: Downtime) {}

static NAMESAKE: Checkpoint = Checkpoint::new("one", &[Dependency::new("left", secs(1))]);

#[handle(source = RIGHTS, before = [NAMESAKE], time = |at| time(*at))]
fn namesake(_at: i64) {}

#[tokio::test]
async fn what_cannot_be_bound_is_said_before_the_first_message() {
    let app = testing::app().handler(follow).handler(after_sides).handler(before_itself);
    let error = app.handler(whose).handler(of_nothing).handler(namesake).start().await.err().unwrap();
    assert_eq!(error.exit_code(), 2);
    let text = error.to_string();
    for part in [
        "two sources are after the checkpoint `one`",
        "`events` is before the checkpoint `one`",
        "it would wait for itself",
        "`both of them` has several dependencies",
        "`both of them` has no dependency `middle`",
        "`of_nothing` at ",
        "takes a `Downtime`, of which only `after = [CHECKPOINT]` tells",
        "two statics are the checkpoint `one`",
    ] {
        assert!(text.contains(part), "no `{part}` in {text}");
    }
}

static BY_HAND: Checkpoint = Checkpoint::new("by hand", &[Dependency::new("left", secs(1))]);

#[handle(source = [LEADER, EVENTS])]
async fn of_two_sources(reading: Either) -> Result<()> {
    BY_HAND.check_pulse(time(reading.0)).await.map(drop)
}

struct Either(i64);

impl From<Reading> for Either {
    fn from(reading: Reading) -> Self {
        Either(reading.seconds)
    }
}

#[tokio::test]
async fn a_second_source_cannot_be_the_dependent_as_well() {
    let app = testing::app().handler(of_two_sources).start().await.unwrap();
    fed(&app, &LEADER, reading(0)).await;
    send(&app, &EVENTS, [0]).await;
    let error = within(LONG, app.wait()).await.unwrap_err().to_string();
    assert!(error.contains("`by hand` is that of `leader`") && error.contains("`events`"), "{error}");
}

#[test]
#[should_panic(expected = "two dependencies of a checkpoint have one name")]
fn dependencies_are_named_apart() {
    const TWINS: &[Dependency] = &[Dependency::new("left", secs(1)), Dependency::new("left", secs(2))];
    let _never = Checkpoint::new("twins", TWINS);
}

static FILLED: Topic<u64, Reading> = Topic::new("filled").start(Start::Earliest);
static SAME_NAME: Checkpoint = Checkpoint::new("same name", &[Dependency::new("left", secs(10))]);

/// Called like the topic that it fills, and at its end at once.
#[handle(source = [0], sink = [FILLED])]
fn filled(seconds: i64) -> (u64, Reading) {
    (1, reading(seconds))
}

#[handle(source = FILLED, before = [SAME_NAME], time = when)]
fn beats(_reading: Reading) {}

#[handle(source = EVENTS, after = [SAME_NAME], time = when, sink = [SEEN])]
fn waits(reading: Reading, downtime: Downtime) -> Seen {
    seen(reading.seconds, &downtime)
}

#[tokio::test]
async fn the_end_of_a_handler_is_not_that_of_the_source_of_its_name() {
    let app = testing::app().handler(filled).handler(beats).handler(waits).start().await.unwrap();
    app.quiet().await;
    send(&app, &EVENTS, [1, 20, 40]).await;
    assert_eq!(app.drain(&SEEN).unwrap(), [(1, None, None), (20, Some(20), None)], "the third waits");
    app.stop().await.unwrap();
}

static GO_ON: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(0);
static SLOW: Checkpoint = Checkpoint::new("slow", &[Dependency::new("left", secs(10))]);
static PULSES: Input<Reading> = Input::new("pulses");

#[handle(source = LEADER, before = [SLOW], time = when)]
fn leads(_reading: Reading) {}

#[handle(source = PULSES, after = [SLOW], time = when, sink = [SEEN])]
async fn follows_slowly(reading: Reading) -> Result<Seen> {
    GO_ON.acquire().await?.forget();
    Ok((reading.seconds, None, None))
}

/// A step that is made again holds what it touches, so that the end must wait for it.
#[tokio::test]
async fn a_dependency_may_end_while_its_dependent_is_slow() {
    let app = testing::app().handler(leads).handler(follows_slowly).start().await.unwrap();
    fed(&app, &LEADER, reading(0)).await;
    app.feed(&PULSES, [reading(1), reading(2)]).unwrap();
    tokio::time::sleep(millis(50)).await;
    app.feed(&LEADER, [reading(5)]).unwrap();
    tokio::time::sleep(millis(50)).await;
    GO_ON.add_permits(1);
    tokio::time::sleep(millis(50)).await;
    app.end(&LEADER).unwrap();
    tokio::time::sleep(millis(50)).await;
    GO_ON.add_permits(9);
    app.end(&PULSES).unwrap();
    within(LONG, app.wait()).await.unwrap();
    assert_eq!(app.drain(&SEEN).unwrap(), [(1, None, None), (2, None, None)]);
}

#[handle(source = PULSES, after = [ONE.dependency("left")], time = when)]
fn waits_for_one(_reading: Reading) {}

#[tokio::test]
async fn who_is_after_a_checkpoint_waits_for_all() {
    let error = testing::app().handler(waits_for_one).start().await.err().unwrap();
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("without its dependency `left`"), "{error}");
}

static FAILED: Topic<u64, Vec<u8>, Raw> = Topic::new("failed").start(Start::Earliest);

/// What it needs comes with the leader, so that it fails while that one is behind.
fn needs_the_leader(reading: &Reading, downtime: &Downtime) -> Result<Seen> {
    if downtime.is_any() {
        return Err(Error::msg("the leader has not brought it yet"));
    }
    Ok(seen(reading.seconds, downtime))
}

#[handle(source = EVENTS, after = [ONE], sink = [SEEN], on_error = skip)]
fn skips_without(reading: &Reading, downtime: Downtime) -> Result<Seen> {
    needs_the_leader(reading, &downtime)
}

#[handle(source = EVENTS, after = [ONE], sink = [SEEN], on_error = retry(2, fixed(millis(0))).then(dead_letter(&FAILED)))]
fn buries_without(reading: Reading, downtime: Downtime) -> Result<Seen> {
    needs_the_leader(&reading, &downtime)
}

#[handle(source = EVENTS, sink = [SEEN], on_error = skip)]
async fn skips_by_hand(reading: &Reading) -> Result<Seen> {
    let downtime = ONE.check_pulse(time(reading.seconds)).await?.unwrap_or_default();
    needs_the_leader(reading, &downtime)
}

#[tokio::test]
async fn a_message_that_a_policy_passes_over_has_found_the_downtime_all_the_same() {
    for which in 0..3 {
        let app = testing::app().handler(lead);
        let app = match which {
            0 => app.handler(skips_without),
            1 => app.handler(buries_without),
            _ => app.handler(skips_by_hand),
        };
        let app = app.start().await.unwrap();
        fed(&app, &LEADER, reading(0)).await;
        send(&app, &EVENTS, [5, 20, 21]).await;
        assert_eq!(app.drain(&SEEN).unwrap(), [(5, None, None)], "20 has failed, and 21 waits");
        fed(&app, &LEADER, reading(21)).await;
        assert_eq!(app.drain(&SEEN).unwrap(), [(20, None, None), (21, None, None)]);
        app.assert_conserved();
    }
}

#[handle(source = LEADER, before = [ONE], time = when, on_error = skip)]
fn leads_and_fails(_reading: &Reading) -> Result<()> {
    Err(Error::msg("always"))
}

#[tokio::test]
async fn a_message_that_a_policy_passes_over_is_a_heartbeat_all_the_same() {
    let app = testing::app().handler(leads_and_fails).handler(follow).start().await.unwrap();
    fed(&app, &LEADER, reading(0)).await;
    send(&app, &EVENTS, [20]).await;
    fed(&app, &LEADER, reading(20)).await;
    assert_eq!(app.drain(&SEEN).unwrap(), [(20, Some(20), None), (20, None, None)]);
    app.assert_conserved();
}

/// What checkpoints have logged in this process.
static LOGGED: Mutex<String> = Mutex::new(String::new());

struct Listener;

impl tracing::Subscriber for Listener {
    fn enabled(&self, of: &tracing::Metadata<'_>) -> bool {
        of.is_event() && of.target() == "slipstream::checkpoint"
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        let mut logged = LOGGED.lock().unwrap();
        event.record(&mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            *logged += &format!("{}={value:?} ", field.name());
        });
        *logged += "\n";
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

static LONELY: Checkpoint = Checkpoint::new("lonely", &[Dependency::new("left", secs(10))]);

#[handle(source = LEADER, before = [LONELY], time = when)]
fn lead_the_lonely(_reading: &Reading) {}

#[handle(source = EVENTS, after = [LONELY])]
fn follow_lonely(_reading: Reading) {}

#[tokio::test]
async fn a_dependency_that_nobody_beats_for_is_warned_about() {
    tracing::subscriber::set_global_default(Listener).unwrap();
    for is_bound in [true, false] {
        let app = testing::app().handler(follow_lonely);
        let app = if is_bound { app.handler(lead_the_lonely) } else { app };
        let app = app.start().await.unwrap();
        send(&app, &EVENTS, [5, 20]).await;
        let logged = LOGGED.lock().unwrap().clone();
        let of_ours: Vec<_> = logged.lines().filter(|line| line.contains("lonely")).collect();
        let warned = of_ours.iter().filter(|line| line.contains("bind its handler by `before`")).count();
        assert_eq!((of_ours.len(), warned), if is_bound { (1, 0) } else { (2, 1) }, "{logged}");
        app.abort();
    }
}
