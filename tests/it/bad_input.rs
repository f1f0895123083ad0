//! What goes wrong is said clearly, counted rightly, and loses nothing.

use super::common::failed;
use slipstream::prelude::*;
use slipstream::testing::{self, Output, stopped_clock};
use slipstream::{ErrorKind, MessageCounts};
use std::time::Instant;

async fn error_of(app: App) -> slipstream::Error {
    app.start().await.err().expect("the app cannot run")
}

fn counts(running: &Running, handler: &str) -> MessageCounts {
    running.assert_conserved();
    running.report().handler(handler)
}

#[tokio::test]
async fn no_handlers_say_how_to_link_them() {
    let error = error_of(App::new()).await;
    assert_eq!((error.kind(), error.exit_code()), (ErrorKind::Preflight, 2));
    // This binary has handlers, only none was given.
    assert!(error.to_string().contains("was given no handlers"), "{error}");
    let error = error_of(App::collected().only([])).await;
    assert!(error.to_string().contains("check the names given to `only`"), "{error}");
}

#[tokio::test]
async fn a_handler_that_was_added_twice_is_told_apart_from_two_of_one_name() {
    let error = error_of(testing::app().handler(one::first).handler(one::first)).await;
    assert!(error.to_string().contains("`first` at tests/it/bad_input.rs:"), "{error}");
    assert!(error.to_string().contains("was added 2 times"), "{error}");
}

fn plain() {}

#[tokio::test]
async fn a_fn_without_the_attribute_is_named() {
    let error = error_of(testing::app().handler(plain)).await;
    assert!(error.to_string().contains("plain") && error.to_string().contains("#[handle"), "{error}");
}

mod one {
    use super::*;
    static COUNTS: Cache<String, u64> = Cache::new("counts");

    #[handle(source = 0..1_u32, sink = [COUNTS])]
    pub(super) fn first(n: u32) -> (String, u64) {
        (String::new(), n.into())
    }
}

mod other {
    use super::*;
    static COUNTS: Cache<u32, u32> = Cache::new("counts");

    #[handle(source = 0..1_u32, sink = [COUNTS])]
    pub(super) fn second(n: u32, _pool: State<String>) -> (u32, u32) {
        (n, n)
    }
}

#[tokio::test]
async fn all_problems_come_at_once() {
    let app = testing::app().handler(one::first).handler(other::second).handler(plain);
    let text = error_of(app).await.to_string();
    assert!(text.contains("for 3 reasons"), "{text}");
    assert!(text.contains("two statics are the cache `counts`") && text.contains("u32, u32"), "{text}");
    assert!(
        text.contains("State<alloc::string::String>") && text.contains("tests/it/bad_input.rs:"),
        "{text}"
    );
}

struct Unique(u32);

fn uniques() -> impl Iterator<Item = Unique> {
    (0..3).map(Unique)
}

#[handle(source = uniques)]
fn keep_one(unique: Unique) {
    assert!(unique.0 < 3);
}

#[handle(source = uniques)]
fn keep_two(unique: Unique) {
    assert!(unique.0 < 3);
}

#[handle(source = uniques)]
fn only_looks(unique: &Unique) {
    assert!(unique.0 < 3);
}

#[tokio::test]
async fn what_cannot_be_cloned_is_not_shared_by_value() {
    let text = error_of(testing::app().handler(keep_one).handler(keep_two)).await.to_string();
    assert!(text.contains("keep_one") && text.contains("keep_two") && text.contains("Clone"), "{text}");
    let running = testing::app().handler(only_looks).handler(keep_two).start().await.unwrap();
    running.wait().await.unwrap();
    assert_eq!((counts(&running, "only_looks").done, counts(&running, "keep_two").done), (3, 3));
}

fn nothing() -> std::iter::Empty<u32> {
    std::iter::empty()
}

#[handle(source = nothing)]
fn never(_n: u32) {}

#[tokio::test]
async fn a_source_that_ends_at_once_ends_the_app() {
    let running = testing::app().handler(never).start().await.unwrap();
    running.wait().await.unwrap();
    assert_eq!(counts(&running, "never").taken, 0);
}

fn faulty() -> impl Iterator<Item = Result<u32, String>> {
    (0..5).map(|n| if n == 2 { Err("no two".to_owned()) } else { Ok(n) })
}

#[handle(source = faulty, on_error = skip)]
fn skips(_n: u32) {}

#[handle(source = faulty)]
fn stops(_n: u32) {}

#[tokio::test]
async fn a_source_that_yields_errors_follows_the_policy() {
    let running = testing::app().handler(skips).start().await.unwrap();
    running.wait().await.unwrap();
    let skipped = counts(&running, "skips");
    assert_eq!((skipped.taken, skipped.done, skipped.skipped, skipped.open), (5, 4, 1, 0));

    let running = testing::app().handler(stops).start().await.unwrap();
    let error = running.wait().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stopped);
    assert!(
        error.to_string().contains("`stops` stopped at `bad_input::faulty` message 3 (source): no two"),
        "{error}"
    );
    assert_eq!(counts(&running, "stops").done, 2);
}

fn panicking() -> impl Iterator<Item = u32> {
    (0..5).inspect(|n| assert!(*n < 3, "out of numbers"))
}

#[handle(source = panicking, on_error = skip)]
fn takes_three(_n: u32) {}

#[tokio::test]
async fn a_source_that_panics_stops_the_app_whatever_the_policy() {
    let running = testing::app().handler(takes_three).start().await.unwrap();
    let error = running.wait().await.unwrap_err();
    assert!(error.to_string().contains("out of numbers"), "{error}");
    assert_eq!(counts(&running, "takes_three").done, 3);
}

static SEEN: Output<u32> = Output::new("seen");

fn blocks(_n: u32) {
    std::thread::sleep(millis(5));
}

fn fails(n: u32) -> Result<()> {
    if n == 1 { Err(Error::msg("not one")) } else { Ok(()) }
}

fn panics(n: u32) {
    assert_ne!(n, 2, "not two");
}

#[handle(source = 0..4_u32, sink = [blocks, fails, panics, SEEN], on_error = skip)]
fn to_bad_sinks(n: u32) -> u32 {
    n
}

#[tokio::test]
async fn sinks_that_block_fail_and_panic_are_counted() {
    let running = testing::app().handler(to_bad_sinks).start().await.unwrap();
    running.wait().await.unwrap();
    let messages = counts(&running, "to_bad_sinks");
    assert_eq!((messages.taken, messages.done, messages.skipped), (4, 2, 2));
    let sink = |name| running.report().sink("to_bad_sinks", name);
    assert_eq!((sink("blocks").offered, sink("blocks").delivered), (4, 4));
    assert_eq!((sink("fails").offered, sink("fails").failed), (4, 1));
    assert_eq!((sink("panics").offered, sink("panics").failed), (3, 1));
    assert_eq!(running.drain(&SEEN).unwrap(), [0, 3]);
}

#[handle(source = 0..10_u32, sink = [SEEN])]
fn odd(n: u32) -> Option<u32> {
    (n % 2 == 1).then_some(n)
}

#[tokio::test]
async fn a_message_dropped_by_none_is_filtered() {
    let running = testing::app().handler(odd).start().await.unwrap();
    running.wait().await.unwrap();
    let messages = counts(&running, "odd");
    assert_eq!((messages.taken, messages.done, messages.filtered), (10, 5, 5));
    assert_eq!(running.report().sink("odd", "SEEN").delivered, 5);
}

static DONE: Output<u64> = Output::new("done");

#[handle(source = every(millis(1)), sink = [DONE])]
async fn sleeps(n: u64) -> u64 {
    tokio::time::sleep(millis(50)).await;
    n
}

#[tokio::test]
async fn a_shutdown_waits_for_the_handler_that_sleeps() {
    let started = Instant::now();
    let running = testing::app().handler(sleeps).start().await.unwrap();
    tokio::time::sleep(millis(20)).await;
    running.stop().await.unwrap();
    assert!(started.elapsed() >= millis(50) && started.elapsed() < secs(5), "{:?}", started.elapsed());
    let messages = counts(&running, "sleeps");
    assert_eq!((messages.done, messages.open), (messages.taken, 0));
    assert_eq!(running.drain(&DONE).unwrap().len() as u64, messages.done);
}

#[handle(source = every(millis(1)))]
async fn sleeps_for_ever() {
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_second_shutdown_and_the_deadline_end_what_does_not_end() {
    let short = Config::new().set("shutdown.timeout.ms", "50");
    let running = testing::app().config(short).handler(sleeps_for_ever).start().await.unwrap();
    tokio::time::sleep(millis(20)).await;
    let error = running.stop().await.unwrap_err();
    assert!(error.to_string().contains("shutdown.timeout.ms"), "{error}");
    assert_eq!(counts(&running, "sleeps_for_ever").open, 1);

    let running = testing::app().handler(sleeps_for_ever).start().await.unwrap();
    tokio::time::sleep(millis(20)).await;
    running.abort();
    assert!(running.wait().await.unwrap_err().to_string().contains("aborted"));
}

#[handle(source = ["1", "x"], on_error = retry(3, exponential(secs(1))).then(skip))]
fn retried(word: &str) -> Result<()> {
    word.parse::<u32>()?;
    Ok(())
}

#[tokio::test]
async fn retries_wait_by_the_apps_clock() {
    let running = testing::app().clock(stopped_clock()).handler(retried).start().await.unwrap();
    running.advance(secs(1)).await;
    assert_eq!(running.report().handler("retried").retries, 2);
    running.advance(secs(1)).await;
    assert_eq!(running.report().handler("retried").retries, 2);
    running.advance(secs(5)).await;
    running.wait().await.unwrap();
    let messages = counts(&running, "retried");
    assert_eq!((messages.retries, messages.done, messages.skipped), (3, 1, 1));
}

#[handle(source = 0..2_u32, timeout = secs(3), on_error = skip)]
async fn too_slow(n: u32) {
    if n == 0 {
        std::future::pending::<()>().await;
    }
}

#[tokio::test]
async fn a_call_that_takes_too_long_is_an_error() {
    let running = testing::app().clock(stopped_clock()).handler(too_slow).start().await.unwrap();
    running.advance(secs(2)).await;
    assert_eq!(running.report().handler("too_slow").skipped, 0);
    running.advance(secs(2)).await;
    running.wait().await.unwrap();
    let messages = counts(&running, "too_slow");
    assert_eq!((messages.done, messages.skipped), (1, 1));
}

static OUTSIDE: Cache<String, u64> = Cache::new("outside");

/// In a process of its own thread of time: what runs beside it would be the one app that is meant.
#[tokio::test]
async fn a_cache_outside_of_an_app_is_an_error_unless_entered() {
    let one = testing::app().start_idle().await.unwrap();
    let two = testing::app().start_idle().await.unwrap();
    let error = OUTSIDE.get("a").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutsideApp);
    assert!(error.to_string().contains("several apps run") && error.to_string().contains("scope"), "{error}");
    one.enter(|| OUTSIDE.put("a", &1)).unwrap();
    assert_eq!(two.enter(|| OUTSIDE.get("a")).unwrap(), None);
    assert_eq!(one.scope(async { OUTSIDE.get("a") }).await.unwrap(), Some(1));
}

#[handle(source = 0..5_u32, pipe = [map(|n: u32| { assert!(n != 2, "two"); n })], on_error = skip)]
fn behind_a_map_that_panics(_n: u32) {}

#[handle(source = 0..5_u32, pipe = [map(|n: u32| { assert!(n != 2, "two"); n })], concurrency = 2, key = |n: &u32| *n)]
fn crowd_behind_a_map_that_panics(_n: u32) {}

#[handle(source = 0..5_u32, concurrency = 2, key = |n: &u32| { assert!(*n != 2, "two"); *n })]
fn by_a_key_that_panics(_n: u32) {}

#[handle(source = 0..5_u32, pipe = [chunks(2), map(|_: Vec<u32>| -> u32 { panic!("two") })])]
fn behind_chunks_that_panic(_n: u32) {}

#[tokio::test]
async fn a_message_that_a_pipe_or_a_key_panics_with_stays_open() {
    let app = testing::app;
    // The lanes of the concurrent ones have not begun with what waits in front of them, and leave it.
    for (app, name, done, open) in [
        (app().handler(behind_a_map_that_panics), "behind_a_map_that_panics", 2, 1),
        (app().handler(crowd_behind_a_map_that_panics), "crowd_behind_a_map_that_panics", 0, 3),
        (app().handler(by_a_key_that_panics), "by_a_key_that_panics", 0, 3),
        (app().handler(behind_chunks_that_panic), "behind_chunks_that_panic", 0, 2),
    ] {
        let (running, error) = failed(app).await;
        let text = error.to_string();
        assert!(text.contains(name) && text.contains("pipe") && text.contains("two"), "{text}");
        let counts = running.report().handler(name);
        assert_eq!((counts.done, counts.open), (done, open), "{name}: {counts:?}");
    }
}
