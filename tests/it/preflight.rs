//! What cannot run is said before the first message, all of it, and where it is written.

use super::common::{ended, ran};
use slipstream::prelude::*;
use slipstream::testing::{self, Broker, Output};

async fn refused(app: App) -> String {
    let error = app.start().await.err().expect("it cannot run");
    assert_eq!(error.exit_code(), 2, "{error}");
    error.to_string()
}

struct Unique(u32);

fn uniques() -> impl Iterator<Item = Unique> {
    (0..6).map(Unique)
}

#[handle(source = uniques)]
fn looks(unique: &Unique) {
    assert!(unique.0 < 6);
}

#[handle(source = uniques, buffer = 4)]
async fn looks_late(unique: &Unique) {
    tokio::time::sleep(millis(3)).await;
    assert!(unique.0 < 6);
}

#[handle(source = uniques)]
fn keeps(_unique: Unique) {}

#[handle(source = uniques)]
fn keeps_too(_unique: Unique) {}

#[tokio::test]
async fn the_two_who_cannot_share_a_message_are_named() {
    let text = refused(testing::app().handler(looks).handler(keeps).handler(keeps_too)).await;
    assert!(text.contains("`keeps` at") && text.contains("`keeps_too` at"), "{text}");
    let text = refused(testing::app().handler(keeps).handler(looks)).await;
    assert!(text.contains("`keeps` at") && text.contains("`looks` at"), "{text}");
    // Who looks at it from behind a buffer may still do so when the last takes it.
    let text = refused(testing::app().handler(looks_late).handler(keeps)).await;
    assert!(text.contains("`keeps` at") && text.contains("`looks_late` at"), "{text}");
    ended(testing::app().handler(looks).handler(keeps)).await;
    ended(testing::app().handler(looks).handler(looks_late)).await;
    ran(keeps).await;
}

#[handle(source = 0..1_u32, sink = [Output::<u32>::new("x")], name = "one")]
fn first(n: u32) -> u32 {
    n
}

#[handle(source = 0..1_u32, name = "one")]
fn second(_n: u32) {}

#[handle(source = 0..1_u32, name = "a/b")]
fn with_a_slash(_n: u32) {}

#[handle(source = 0..1_u32)]
fn lacks(_n: u32, _a: State<u8>, _b: State<u16>) {}

#[tokio::test]
async fn all_that_is_wrong_comes_in_one_report() {
    let config = Config::new()
        .set("commit.interval.ms", "soon")
        .set("state.durability", "forever")
        .set("state.on.loss", "cry");
    let text = refused(
        testing::app().config(config).handler(first).handler(second).handler(with_a_slash).handler(lacks),
    )
    .await;
    for part in [
        "for 7 reasons",
        "called `one`",
        "`a/b`",
        "State<u8>",
        "State<u16>",
        "commit.interval.ms",
        "`commit.interval.ms` is a number of milliseconds",
        "`state.durability` is `process`",
        "`state.on.loss` is `fail`",
    ] {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
}

static WORDS: Topic<String, u32> = Topic::new("words").partitions(2);
static SAME_NAME: Topic<String, u32> = Topic::new("words").partitions(3);

#[handle(source = WORDS)]
fn reads(_n: u32) {}

#[handle(source = SAME_NAME)]
fn reads_the_other(_n: u32) {}

#[tokio::test]
async fn a_topic_needs_a_broker_and_one_definition() {
    let app = || App::new().config(Config::new().set("state.dir", "memory"));
    let text = refused(app().handler(reads)).await;
    assert!(text.contains("`kafka.bootstrap.servers` is not set"), "{text}");
    if cfg!(not(feature = "kafka")) {
        let broker = Config::new().set("kafka.bootstrap.servers", "localhost:9092");
        let text = refused(app().config(broker).handler(reads)).await;
        assert!(text.contains("without the feature `kafka`"), "{text}");
    }
    let text = refused(testing::app().handler(reads).handler(reads_the_other)).await;
    assert!(text.contains("two statics are the topic `words`"), "{text}");
    let broker = Broker::new();
    broker.app().handler(reads).start().await.unwrap().stop().await.unwrap();
    let text = refused(broker.app().handler(reads_the_other)).await;
    assert!(text.contains("has 2 partitions, and the program says 3"), "{text}");
}

static OURS: Cache<String, u32> = Cache::new("slipstream/places");

#[handle(source = 0..1_u32)]
fn writes_over_ours(n: u32) -> Result<()> {
    OURS.put("x", &n)
}

#[tokio::test]
async fn the_names_of_our_own_rows_are_refused_also_in_a_body() {
    let running = testing::app().handler(writes_over_ours).start().await.unwrap();
    let error = running.wait().await.unwrap_err();
    assert!(error.to_string().contains("`slipstream/` is ours"), "{error}");
}

static SEEN: Output<u32> = Output::new("seen");

#[handle(source = 0..5_u32, pipe = [take(0)], sink = [SEEN])]
fn takes_none(n: u32) -> u32 {
    n
}

#[tokio::test]
async fn to_take_none_is_to_take_none() {
    let running = ran(takes_none).await;
    assert_eq!(running.drain(&SEEN).unwrap(), [0_u32; 0]);
    assert_eq!(running.report().handler("takes_none").taken, 0);
}

#[handle(source = 0..1_u32, buffer = usize::MAX)]
fn with_an_endless_buffer(_n: u32) {}

#[handle(source = 0..1_u32, concurrency = usize::MAX, key = |n: &u32| *n)]
fn with_endless_lanes(_n: u32) {}

fn how_many() -> usize {
    panic!("how many?")
}

#[handle(source = 0..1_u32, concurrency = how_many(), key = |n: &u32| *n)]
fn with_a_panic_for_lanes(_n: u32) {}

#[tokio::test]
async fn numbers_that_no_machine_has_and_options_that_panic_are_problems() {
    let app = testing::app().handler(with_a_panic_for_lanes).handler(with_an_endless_buffer);
    let text = refused(app.handler(with_endless_lanes).handler(with_a_slash)).await;
    for part in [
        "`with_an_endless_buffer` at",
        "`buffer` is at most 1000000",
        "`with_endless_lanes` at",
        "`concurrency` is at most 10000",
        "`with_a_panic_for_lanes` at",
        "how many?",
        "preflight.rs:",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

/// The state's directory is called so.
#[tokio::test]
async fn the_apps_id_is_a_name() {
    for id in ["", "../elsewhere", ".hidden", "a/b"] {
        let config = Config::new().set("app.id", id).set("state.dir", "memory");
        let error = refused(App::new().config(config).handler(looks)).await;
        assert!(error.contains("`app.id` is a name"), "{id}: {error}");
    }
}
