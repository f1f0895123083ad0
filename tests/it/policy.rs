//! What happens when something fails: stop, skip, retry and dead letters, at each stage.

use super::common::{LONG, counts, ended, failed, ran, within};
use slipstream::ErrorKind;
use slipstream::prelude::*;
use slipstream::testing::{self, Broker, Output, stopped_clock};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

static CALLS: AtomicU32 = AtomicU32::new(0);
static TRIES: AtomicU32 = AtomicU32::new(0);

/// Panics twice for each message, at the call itself.
fn panics_twice(_n: u32) {
    assert!(TRIES.fetch_add(1, Ordering::SeqCst) % 3 == 2, "not yet");
}

#[handle(source = 0..2_u32, sink = [panics_twice], on_error = retry(2, fixed(millis(0))))]
fn to_a_sink_that_panics(n: u32) -> u32 {
    CALLS.fetch_add(1, Ordering::SeqCst);
    n
}

#[tokio::test]
async fn a_sink_that_panics_is_called_again_alone() {
    let running = ran(to_a_sink_that_panics).await;
    assert_eq!((CALLS.load(Ordering::SeqCst), TRIES.load(Ordering::SeqCst)), (2, 6));
    let sink = running.report().sink("to_a_sink_that_panics", "panics_twice");
    assert_eq!((sink.offered, sink.delivered, sink.failed), (6, 2, 4));
    let counts = running.report().handler("to_a_sink_that_panics");
    assert_eq!((counts.done, counts.retries), (2, 4));
}

static AT: Mutex<Vec<i64>> = Mutex::new(Vec::new());

#[handle(source = [7_u32], on_error = retry(4, exponential(secs(30))))]
fn fails_for_long(_n: u32, ctx: Ctx) -> Result<()> {
    AT.lock().unwrap().push(ctx.now().timestamp() - 1_704_067_200);
    Err(Error::msg("still down"))
}

#[tokio::test]
async fn retries_come_at_exact_times_and_stop_in_the_end() {
    let running = testing::app().clock(stopped_clock()).handler(fails_for_long).start().await.unwrap();
    running.advance(mins(10)).await;
    let error = within(LONG, running.wait()).await.unwrap_err();
    // 30, 60, then a minute at most.
    assert_eq!(*AT.lock().unwrap(), [0, 30, 90, 150, 210]);
    assert_eq!(error.kind(), ErrorKind::Stopped);
    assert!(
        error.to_string().contains("`fails_for_long` stopped at `fails_for_long.source` message 1 (handler)"),
        "{error}"
    );
    running.assert_conserved();
}

fn bad_pair() -> impl Iterator<Item = Result<u32, String>> {
    [Ok(1), Err("a".to_owned()), Err("b".to_owned()), Ok(2), Err("c".to_owned())].into_iter()
}

#[handle(source = bad_pair, pipe = [|stream| stream.ready_chunks(8)], on_error = skip)]
fn behind_ready_chunks(_all: Vec<u32>) {}

#[tokio::test]
async fn no_error_of_a_source_is_lost_behind_a_pipe_that_looks_ahead() {
    let running = ran(behind_ready_chunks).await;
    let counts = running.report().handler("behind_ready_chunks");
    assert_eq!((counts.taken, counts.skipped, counts.done + counts.absorbed), (5, 3, 2), "{counts:?}");
}

fn numbers() -> impl Iterator<Item = u32> {
    0..5
}

#[handle(source = numbers)]
fn stops_at_two(n: u32) -> Result<()> {
    if n == 2 { Err(Error::msg("no two")) } else { Ok(()) }
}

#[handle(source = numbers)]
fn before_or_after(_n: u32) {}

#[tokio::test]
async fn a_message_that_stops_one_handler_is_still_handled_by_the_others() {
    for app in [
        testing::app().handler(stops_at_two).handler(before_or_after),
        testing::app().handler(before_or_after).handler(stops_at_two),
    ] {
        let (running, error) = failed(app).await;
        assert!(
            error
                .to_string()
                .contains("`stops_at_two` stopped at `policy::numbers` message 3 (handler): no two"),
            "{error}"
        );
        assert_eq!(counts(&running, "before_or_after").done, 3);
        assert_eq!(counts(&running, "stops_at_two").done, 2);
    }
}

static STARTED: AtomicU32 = AtomicU32::new(0);
static ENDED: AtomicU32 = AtomicU32::new(0);

#[handle(source = 0..9_u32, concurrency = 4, key = |n: &u32| *n)]
async fn one_lane_fails(n: &u32) -> Result<()> {
    STARTED.fetch_add(1, Ordering::SeqCst);
    if *n == 0 {
        tokio::time::sleep(millis(20)).await;
        return Err(Error::msg("lane"));
    }
    tokio::time::sleep(millis(60)).await;
    ENDED.fetch_add(1, Ordering::SeqCst);
    Ok(())
}

#[tokio::test]
async fn a_lane_that_fails_lets_its_siblings_end_their_calls() {
    let (running, error) = failed(testing::app().handler(one_lane_fails)).await;
    assert!(error.to_string().contains("(handler): lane"), "{error}");
    let (started, ended) = (STARTED.load(Ordering::SeqCst), ENDED.load(Ordering::SeqCst));
    assert!(ended > 0, "all keys in one lane make this test worth nothing");
    assert_eq!(started, ended + 1, "a call was cut off");
    assert_eq!(counts(&running, "one_lane_fails").done, u64::from(ended));
}

static AMOUNTS: Topic<String, u32> = Topic::new("amounts").start(Start::Earliest).until_end();
static DEAD: Topic<Option<String>, serde_json::Value> = Topic::new("dead");

#[handle(source = AMOUNTS, on_error = dead_letter(&DEAD))]
fn refuses_seven(n: u32) -> Result<()> {
    if n == 7 { Err(Error::msg("no seven")) } else { Ok(()) }
}

async fn odd_amounts(broker: &Broker) {
    let idle = broker.app().start_idle().await.unwrap();
    idle.scope(async {
        AMOUNTS.send(("a".to_owned(), 1)).await?;
        AMOUNTS.send(Record::new("b".to_owned(), 7).header("from", "test")).await
    })
    .await
    .unwrap();
    broker.write("amounts", Some(b"c"), Some(b"{\"not\": 1}")).await.unwrap();
    broker.write("amounts", Some(b"d"), Some(b"4")).await.unwrap();
    idle.stop().await.unwrap();
}

#[tokio::test]
async fn dead_letters_are_the_bytes_that_came_with_what_went_wrong() {
    let broker = Broker::new();
    odd_amounts(&broker).await;
    let running = ended(broker.app().handler(refuses_seven)).await;
    let counts = running.report().handler("refuses_seven");
    assert_eq!((counts.taken, counts.done, counts.dead), (4, 2, 2));
    let letters = broker.records(&DEAD).unwrap();
    let told: Vec<_> =
        letters.iter().map(|letter| (letter.key.clone().unwrap(), letter.value.to_string())).collect();
    assert_eq!(told, [("b".to_owned(), "7".to_owned()), ("c".to_owned(), "{\"not\":1}".to_owned())]);
    assert_eq!(letters[0].headers().get("slipstream-error"), Some(&b"no seven"[..]));
}

static HEADERS: Output<Vec<(String, String)>> = Output::new("headers");
static DEAD_READ: Topic<Option<String>, serde_json::Value> =
    Topic::new("dead").start(Start::Earliest).until_end();

#[handle(source = DEAD_READ, sink = [HEADERS])]
fn exhume(headers: Headers) -> One<Vec<(String, String)>> {
    One(headers
        .iter()
        .map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(value).into_owned()))
        .collect())
}

#[tokio::test]
async fn headers_of_dead_letters_say_error_stage_origin_and_handler() {
    let broker = Broker::new();
    odd_amounts(&broker).await;
    ended(broker.app().handler(refuses_seven)).await;
    let running = ended(broker.app().handler(exhume)).await;
    let headers = running.drain(&HEADERS).unwrap();
    let get = |at: usize, name: &str| {
        headers[at].iter().find(|(found, _)| found == name).map(|(_, value)| value.clone())
    };
    assert_eq!(get(0, "from").as_deref(), Some("test"));
    assert_eq!(get(0, "slipstream-error").as_deref(), Some("no seven"));
    assert_eq!(get(0, "slipstream-stage").as_deref(), Some("handler"));
    assert_eq!(get(0, "slipstream-origin").as_deref(), Some("`amounts` partition 0 offset 1"));
    assert_eq!(get(1, "slipstream-stage").as_deref(), Some("source"));
    assert_eq!(get(1, "slipstream-handler").as_deref(), Some("refuses_seven"));
}

#[handle(source = AMOUNTS, pipe = [values, map(|n: u32| n + 100)], on_error = dead_letter(&DEAD))]
fn refuses_all(n: u32) -> Result<()> {
    Err(Error::msg(format!("not {n}")))
}

#[tokio::test]
async fn behind_a_pipe_a_dead_letter_is_json() {
    let broker = Broker::new();
    odd_amounts(&broker).await;
    ended(broker.app().handler(refuses_all)).await;
    let values: Vec<_> =
        broker.records(&DEAD).unwrap().into_iter().map(|letter| letter.value.to_string()).collect();
    assert_eq!(values, ["101", "107", "{\"not\":1}", "104"]);
}

#[handle(source = AMOUNTS)]
fn strict(_n: u32) {}

#[handle(source = AMOUNTS, on_error = skip)]
fn lax(_n: u32) {}

#[tokio::test]
async fn what_cannot_be_decoded_follows_each_handlers_policy() {
    let broker = Broker::new();
    odd_amounts(&broker).await;
    let (running, error) = failed(broker.app().handler(strict).handler(lax)).await;
    assert_eq!(error.kind(), ErrorKind::Stopped);
    assert!(
        error.to_string().contains("`strict` stopped at `amounts` partition 0 offset 2 (source)"),
        "{error}"
    );
    assert_eq!((counts(&running, "strict").done, counts(&running, "lax").done), (2, 2));
    let running = ended(broker.app().handler(lax)).await;
    let again = running.report().handler("lax");
    assert_eq!(
        (again.done, again.skipped),
        (1, 0),
        "the verdict of the first run was kept with its position: {again:?}"
    );
}

struct Unique(#[allow(dead_code)] u32);

#[handle(source = (0..3).map(Unique), on_error = skip)]
fn takes_and_fails(_unique: Unique) -> Result<()> {
    Err(Error::msg("always"))
}

#[tokio::test]
async fn what_has_no_clone_is_skipped_without_another_call() {
    let running = ran(takes_and_fails).await;
    let counts = running.report().handler("takes_and_fails");
    assert_eq!((counts.taken, counts.skipped, counts.retries), (3, 3, 0));
}

fn slow_panic(stream: impl Stream<Item = u32> + Send) -> impl Stream<Item = u32> + Send {
    stream.map(|n| if n == 1 { panic!("in the pipe") } else { n })
}

#[handle(source = numbers, pipe = [slow_panic], on_error = skip)]
fn behind_a_panic(_n: u32) {}

#[tokio::test]
async fn a_pipe_that_panics_stops_the_app_and_is_named() {
    for app in [
        testing::app().handler(behind_a_panic),
        testing::app().handler(behind_a_panic).handler(before_or_after),
    ] {
        let (_running, error) = failed(app).await;
        let text = error.to_string();
        assert!(text.contains("`behind_a_panic` stopped in its source or pipe"), "{text}");
        assert!(text.contains("panicked: in the pipe; no policy passes over that"), "{text}");
    }
}

static STAGES: AtomicU32 = AtomicU32::new(0);

async fn slow_sink(_n: u32) -> Result<()> {
    match STAGES.fetch_add(1, Ordering::SeqCst) {
        0 => Err(Error::msg("down for a while")),
        _ => Ok(()),
    }
}

#[handle(source = [1_u32], sink = [slow_sink], timeout = secs(5), on_error = retry(3, fixed(secs(20))))]
fn to_a_slow_sink(n: u32) -> u32 {
    n
}

#[tokio::test]
async fn waiting_for_a_retry_is_not_part_of_the_call_that_may_time_out() {
    let running = testing::app().clock(stopped_clock()).handler(to_a_slow_sink).start().await.unwrap();
    running.advance(secs(30)).await;
    within(LONG, running.wait()).await.unwrap();
    let counts = counts(&running, "to_a_slow_sink");
    assert_eq!((counts.done, counts.retries), (1, 1));
}

static BODIES: AtomicU32 = AtomicU32::new(0);
static GIVEN: Output<u32> = Output::new("given");

#[handle(source = [1_u32], sink = [GIVEN], on_error = retry(2, fixed(millis(0))))]
fn panics_in_its_iterator(n: u32) -> impl Iterator<Item = u32> {
    let again = BODIES.fetch_add(1, Ordering::SeqCst) > 0;
    (0..3).map(move |i| {
        assert!(i < 1 || again, "not yet");
        n + i
    })
}

#[tokio::test]
async fn a_panic_in_the_body_of_a_returned_iterator_is_the_handlers_and_made_again() {
    let running = ran(panics_in_its_iterator).await;
    assert_eq!(running.drain(&GIVEN).unwrap(), [1, 1, 2, 3]);
    let counts = running.report().handler("panics_in_its_iterator");
    assert_eq!((counts.done, counts.retries, BODIES.load(Ordering::SeqCst)), (1, 1, 2));
}

/// Panics when it is dropped, but not while something else does.
#[derive(Clone)]
struct Brittle(u32);

impl Drop for Brittle {
    fn drop(&mut self) {
        assert!(self.0 != 1 || std::thread::panicking(), "brittle");
    }
}

fn brittle() -> impl Iterator<Item = Brittle> {
    (0..3).map(Brittle)
}

#[handle(source = brittle, on_error = skip)]
fn looks_at_what_is_brittle(_brittle: &Brittle) {}

#[handle(source = brittle, on_error = skip)]
fn takes_what_is_brittle(_brittle: Brittle) {}

#[handle(source = brittle)]
fn stops_at_what_is_brittle(_brittle: &Brittle) {}

#[tokio::test]
async fn a_message_that_panics_when_it_is_dropped_is_counted_once() {
    let counts = ran(looks_at_what_is_brittle).await.report().handler("looks_at_what_is_brittle");
    assert_eq!((counts.taken, counts.done, counts.skipped), (3, 3, 0));
    let counts = ran(takes_what_is_brittle).await.report().handler("takes_what_is_brittle");
    assert_eq!((counts.taken, counts.done, counts.skipped), (3, 2, 1));
    let (running, error) = failed(testing::app().handler(stops_at_what_is_brittle)).await;
    assert!(error.to_string().contains("`stops_at_what_is_brittle` stopped"), "{error}");
    assert_eq!(running.report().handler("stops_at_what_is_brittle").done, 2);
    // When all have had it, it is nobody's message any more.
    let shared = testing::app().handler(looks_at_what_is_brittle).handler(stops_at_what_is_brittle);
    let (_running, error) = failed(shared).await;
    assert!(error.to_string().contains("brittle`: ") && error.to_string().contains("brittle"), "{error}");
}
