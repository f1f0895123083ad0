//! Starts, ends, stops and pauses: what was taken is handled, and nothing hangs.

use super::common::{LONG, counts, ended, failed, within};
use slipstream::prelude::*;
use slipstream::testing::{self, Input, Output, stopped_clock};
use slipstream::{Error, ErrorKind};
use std::sync::atomic::{AtomicU32, Ordering};

/// An app whose drain may not take long, so that one that hangs fails.
fn app() -> App {
    testing::app().config(Config::new().set("shutdown.timeout.ms", "1000"))
}

#[handle(source = [0..3_u64, every(millis(5))])]
fn one_source_has_ended(_n: u64) {}

#[tokio::test]
async fn it_drains_although_one_of_several_sources_has_ended() {
    let running = app().handler(one_source_has_ended).start().await.unwrap();
    tokio::time::sleep(millis(30)).await;
    running.stop().await.unwrap();
    assert!(counts(&running, "one_source_has_ended").done > 3);
}

fn few() -> impl Iterator<Item = u32> {
    0..3
}

fn never_ends(stream: impl Stream<Item = u32> + Send) -> impl Stream<Item = u32> + Send {
    stream.chain(futures_util::stream::pending())
}

#[handle(source = few, pipe = [never_ends])]
fn hangs(_n: u32) {}

#[handle(source = few, pipe = [never_ends], buffer = 2)]
fn hangs_behind_a_queue(_n: u32) {}

#[handle(source = [few, 5..7_u32], pipe = [never_ends])]
fn hangs_over_two(_n: u32) {}

#[handle(source = few)]
fn sibling(_n: u32) {}

#[tokio::test]
async fn a_pipe_that_never_ends_is_stopped() {
    let alone = app().handler(hangs);
    let shared = app().handler(hangs).handler(sibling);
    let queued = app().handler(hangs_behind_a_queue).handler(sibling);
    let merged = app().handler(hangs_over_two);
    for (name, app, taken) in [
        ("hangs", alone, 3),
        ("hangs", shared, 3),
        ("hangs_behind_a_queue", queued, 3),
        ("hangs_over_two", merged, 5),
    ] {
        let running = app.start().await.unwrap();
        assert!(
            tokio::time::timeout(millis(50), running.wait()).await.is_err(),
            "{name} must not end by itself"
        );
        running.stop().await.unwrap_or_else(|error| panic!("{name}: {error}"));
        let counts = counts(&running, name);
        assert_eq!((counts.taken, counts.done), (taken, taken), "{name}");
    }
}

fn ticks() -> impl Stream<Item = u64> {
    every(millis(10))
}

fn lingers(stream: impl Stream<Item = u64> + Send) -> impl Stream<Item = u64> + Send {
    stream.then(|n| async move {
        tokio::time::sleep(millis(100)).await;
        n
    })
}

#[handle(source = ticks, pipe = [lingers])]
fn lingered(_n: u64) {}

#[handle(source = ticks)]
fn ticked(_n: u64) {}

#[tokio::test]
async fn what_a_pipe_is_working_on_is_handled_before_the_end() {
    for app in [app().handler(lingered), app().handler(lingered).handler(ticked)] {
        let running = app.start().await.unwrap();
        tokio::time::sleep(millis(50)).await;
        running.stop().await.unwrap();
        let counts = counts(&running, "lingered");
        assert_eq!((counts.taken, counts.done), (1, 1), "{counts:?}");
    }
}

fn fours(stream: impl Stream<Item = u64> + Send) -> impl Stream<Item = Vec<u64>> + Send {
    stream.chunks(4)
}

static FED: Input<u64> = Input::new("fed");

#[handle(source = FED, pipe = [fours])]
fn by_fours(_all: Vec<u64>) {}

#[handle(source = FED, pipe = [chunks(4)])]
fn by_our_fours(_all: Vec<u64>) {}

#[tokio::test]
async fn what_a_pipe_keeps_for_more_is_not_waited_for() {
    for name in ["by_fours", "by_our_fours"] {
        let app = if name == "by_fours" { app().handler(by_fours) } else { app().handler(by_our_fours) };
        let running = app.start().await.unwrap();
        running.feed(&FED, 0..6).unwrap();
        running.quiet().await;
        running.stop().await.unwrap();
        let counts = counts(&running, name);
        assert_eq!((counts.taken, counts.open), (6, 0), "{counts:?}");
        let kept = if name == "by_fours" { (1, 5, 0) } else { (4, 0, 2) };
        assert_eq!((counts.done, counts.absorbed, counts.held), kept, "{counts:?}");
    }
}

#[handle(source = few, pipe = [take(1)], buffer = 8)]
fn takes_one_of_a_queue(_n: u32) {}

#[tokio::test]
async fn what_is_left_in_the_queue_of_a_handler_that_has_ended_was_not_taken() {
    let running = ended(app().handler(takes_one_of_a_queue).handler(sibling)).await;
    let counts = running.report().handler("takes_one_of_a_queue");
    assert_eq!((counts.taken, counts.done, counts.open), (1, 1, 0), "{counts:?}");
    assert_eq!(running.report().handler("sibling").done, 3);
}

async fn panics_at_the_end() -> Result<()> {
    panic!("not now")
}

#[tokio::test]
async fn a_hook_that_panics_is_an_error() {
    let (_running, error) = failed(app().handler(sibling).on_stop(panics_at_the_end)).await;
    assert!(error.to_string().contains("not now"), "{error}");
    assert_eq!(error.kind(), ErrorKind::Panicked);
}

fn cannot_open() -> std::ops::Range<u32> {
    panic!("no such device")
}

#[handle(source = cannot_open)]
fn over_nothing(_n: u32) {}

#[tokio::test]
async fn a_source_that_panics_when_it_is_opened_is_named() {
    let error = app().handler(over_nothing).start().await.err().unwrap();
    assert!(
        error.to_string().contains("cannot_open") && error.to_string().contains("no such device"),
        "{error}"
    );
}

fn breaks() -> impl Iterator<Item = u32> {
    (0..5).inspect(|n| assert!(*n < 2, "broken pipe"))
}

#[handle(source = breaks)]
fn breaks_one(_n: u32) {}

#[handle(source = breaks)]
fn breaks_two(_n: u32) {}

#[tokio::test]
async fn a_shared_source_that_panics_is_named() {
    let (running, error) = failed(app().handler(breaks_one).handler(breaks_two)).await;
    let text = error.to_string();
    assert!(text.contains("breaks") && text.contains("broken pipe"), "{text}");
    assert_eq!(error.exit_code(), 1);
    assert_eq!((counts(&running, "breaks_one").done, counts(&running, "breaks_two").done), (2, 2));
}

#[handle(source = ticks, buffer = 20)]
async fn behind_a_buffer(_n: u64) {
    tokio::time::sleep(millis(25)).await;
}

#[tokio::test]
async fn a_pause_holds_what_waits_in_a_buffer_and_a_stop_handles_it() {
    let running = app().handler(behind_a_buffer).start().await.unwrap();
    tokio::time::sleep(millis(120)).await;
    running.pause("lifecycle::ticks", "test").unwrap();
    tokio::time::sleep(millis(40)).await;
    let before = running.report().handler("behind_a_buffer");
    assert!(before.open > 1, "{before:?}");
    tokio::time::sleep(millis(60)).await;
    let after = running.report().handler("behind_a_buffer");
    assert_eq!(after, before, "a paused source is not handled, also where messages wait already");
    running.stop().await.unwrap();
    let counts = counts(&running, "behind_a_buffer");
    assert_eq!((counts.done, counts.open), (counts.taken, 0));
}

static HANDLED: AtomicU32 = AtomicU32::new(0);

#[handle(source = FED, concurrency = 2, key = |_: &u64| 0_u64)]
fn pauses_itself(n: &u64, ctx: Ctx) -> Result<()> {
    HANDLED.fetch_add(1, Ordering::SeqCst);
    if *n == 2 {
        ctx.pause("fed", "from within")?;
    }
    Ok(())
}

#[tokio::test]
async fn a_pause_from_within_acts_before_the_next_message_of_a_concurrent_handler() {
    let running = app().handler(pauses_itself).start().await.unwrap();
    running.feed(&FED, 0..10).unwrap();
    running.quiet().await;
    assert_eq!(HANDLED.load(Ordering::SeqCst), 3);
    running.resume("fed", "from within").unwrap();
    running.end(&FED).unwrap();
    within(LONG, running.wait()).await.unwrap();
    assert_eq!(HANDLED.load(Ordering::SeqCst), 10);
    running.assert_conserved();
}

#[handle(source = FED)]
fn pauses_twice(n: u64, ctx: Ctx) -> Result<()> {
    if n == 0 {
        ctx.pause("fed", "one")?;
        ctx.pause("fed", "one")?;
        ctx.pause("fed", "two")?;
    }
    Ok(())
}

#[tokio::test]
async fn pauses_compose_by_reason_and_count() {
    let running = app().handler(pauses_twice).start().await.unwrap();
    running.feed(&FED, 0..3).unwrap();
    for reason in ["one", "two", "unknown", "one"] {
        running.quiet().await;
        assert_eq!(running.report().handler("pauses_twice").done, 1, "before {reason} is taken back");
        running.resume("fed", reason).unwrap();
    }
    running.quiet().await;
    assert_eq!(counts(&running, "pauses_twice").done, 3);
}

#[tokio::test]
async fn a_paused_app_stops() {
    let running = app().handler(pauses_twice).start().await.unwrap();
    running.feed(&FED, 0..3).unwrap();
    running.quiet().await;
    running.stop().await.unwrap();
    assert_eq!(counts(&running, "pauses_twice").taken, 1);
}

static SEEN: Output<u64> = Output::new("seen");
static TOTAL: Cache<String, u64> = Cache::new("total");

#[handle(source = FED, sink = [SEEN])]
fn adds(n: u64) -> Result<u64> {
    TOTAL.update("all", |old| old.unwrap_or(0) + n)
}

#[tokio::test]
async fn two_apps_with_the_same_statics_know_nothing_of_each_other() {
    let one = app().handler(adds).start().await.unwrap();
    let two = app().handler(adds).start().await.unwrap();
    one.feed(&FED, [1, 2]).unwrap();
    two.feed(&FED, [10]).unwrap();
    for running in [&one, &two] {
        running.end(&FED).unwrap();
        within(LONG, running.wait()).await.unwrap();
        running.assert_conserved();
    }
    assert_eq!((one.drain(&SEEN).unwrap(), two.drain(&SEEN).unwrap()), (vec![1, 3], vec![10]));
    assert_eq!(one.enter(|| TOTAL.get("all")).unwrap(), Some(3));
    assert_eq!(two.scope(async { TOTAL.get("all") }).await.unwrap(), Some(10));
}

#[tokio::test]
async fn it_runs_until_it_is_told_and_hooks_run_inside_of_it() {
    static STARTED: AtomicU32 = AtomicU32::new(0);
    let start = async || {
        STARTED.fetch_add(1, Ordering::SeqCst);
        TOTAL.put("hook", &1)
    };
    let stop = async || {
        assert_eq!(TOTAL.get("hook")?, Some(1));
        STARTED.fetch_add(10, Ordering::SeqCst);
        Ok(())
    };
    let app = app().handler(ticked).on_start(start).on_stop(stop);
    within(LONG, app.run_until(tokio::time::sleep(millis(30)))).await.unwrap();
    assert_eq!(STARTED.load(Ordering::SeqCst), 11);
}

#[tokio::test]
async fn a_start_hook_that_fails_is_a_reason_not_to_run() {
    let error =
        app().handler(ticked).on_start(async || Err(Error::msg("no table"))).start().await.err().unwrap();
    assert_eq!(
        (error.exit_code(), error.to_string()),
        (2, "a hook of `on_start` failed: no table".to_owned())
    );
}

#[tokio::test]
async fn a_start_hook_that_panics_is_a_reason_not_to_run() {
    let error = app().handler(ticked).on_start(panics_at_the_end).start().await.err().unwrap();
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("not now"), "{error}");
}

#[tokio::test]
async fn a_long_time_passes_quickly_on_a_stopped_clock() {
    let running = app().clock(stopped_clock()).handler(adds).start().await.unwrap();
    within(LONG, running.advance(hours(24))).await;
    running.stop().await.unwrap();
}

fn no_pipe<S>(_flow: S) -> S {
    panic!("no such pipe")
}

#[handle(source = few, pipe = [no_pipe])]
fn behind_no_pipe(_n: u32) {}

#[tokio::test]
async fn a_pipe_that_panics_when_it_is_opened_is_named() {
    for app in [app().handler(behind_no_pipe), app().handler(behind_no_pipe).handler(sibling)] {
        let error = app.start().await.err().unwrap();
        assert!(error.to_string().contains("few") && error.to_string().contains("no such pipe"), "{error}");
    }
}

#[handle(source = every(Duration::MAX))]
fn never_ticks(_n: u64) {}

#[tokio::test]
async fn a_tick_that_never_comes_is_waited_for() {
    for clock in [slipstream::Clock::system(), stopped_clock()] {
        let running = app().clock(clock).handler(never_ticks).start().await.unwrap();
        assert!(tokio::time::timeout(millis(30), running.wait()).await.is_err(), "it waits");
        running.stop().await.unwrap();
        assert_eq!(counts(&running, "never_ticks").taken, 0);
    }
}

static FLUSHED: Cache<u32, u32> = Cache::new("flushed");

#[tokio::test]
async fn a_flush_that_is_given_up_holds_back_no_commit() {
    use futures_util::FutureExt as _;
    let broker = testing::Broker::new();
    let running = broker.app().start_idle().await.unwrap();
    running.enter(|| FLUSHED.put(&1, &1)).unwrap();
    assert!(running.flush().now_or_never().is_none(), "it has to wait for the commit");
    running.enter(|| FLUSHED.put(&2, &2)).unwrap();
    running.stop().await.unwrap();
    drop(running);
    let again = broker.app().start_idle().await.unwrap();
    let kept = again.enter(|| FLUSHED.iter().collect::<Result<Vec<_>>>()).unwrap();
    assert_eq!(kept, [(1, 1), (2, 2)]);
}

static IN_USE: Cache<u32, u32> = Cache::new("in use");

#[handle(source = every(millis(1)), sink = [IN_USE])]
fn keeps(n: u64) -> (u32, u32) {
    (n as u32, 1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_that_is_in_use_is_found_before_the_first_message() {
    let dir = tempfile::tempdir().unwrap();
    let app = || {
        let config = Config::new().set("state.dir", dir.path().to_string_lossy()).set("app.id", "one");
        App::new().config(config).handler(keeps)
    };
    let first = app().start().await.unwrap();
    let error = app().start().await.err().expect("two apps have one state");
    assert_eq!(error.exit_code(), 2, "{error}");
    assert!(error.to_string().contains(&format!("in use by process {}", std::process::id())), "{error}");
    first.stop().await.unwrap();
    app().start().await.unwrap().stop().await.unwrap();
}

/// A server has other things to do beside it.
#[tokio::test]
async fn an_app_runs_in_a_task_of_its_own() {
    tokio::spawn(app().handler(sibling).run_until(std::future::pending())).await.unwrap().unwrap();
    let running = tokio::spawn(app().handler(sibling).start()).await.unwrap().unwrap();
    running.wait().await.unwrap();
    tokio::spawn(app().handler(sibling).run()).await.unwrap().unwrap();
}
