//! What is promised for topics, shown on a real broker: its address is in `SLIPSTREAM_TEST_KAFKA`.
//!
//! `cargo xtask test` starts a broker and sets it; without one these tests say that they were left out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)] // they are tests

#[cfg(feature = "avro")]
mod avro;
#[path = "../both/mod.rs"]
mod both;
mod checks;
mod groups;
mod poison;
mod rebalance;
#[cfg(feature = "ssl")]
mod secure;

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use slipstream::Running;
use slipstream::prelude::*;
use slipstream::testing::{Broker, Output};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// An app on the broker, with a group, a state and topics that no other test has.
fn app(name: &str) -> Option<(App, Config)> {
    let Ok(servers) = std::env::var("SLIPSTREAM_TEST_KAFKA") else {
        eprintln!("left out: SLIPSTREAM_TEST_KAFKA is not set");
        return None;
    };
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let unique = format!(
        "{name}-{}-{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed),
        Utc::now().timestamp_millis()
    );
    let state = tempfile::tempdir().unwrap().keep();
    let mut config = Config::new()
        .set("kafka.bootstrap.servers", servers)
        .set("app.id", unique.clone())
        .set("state.dir", state.to_string_lossy());
    for topic in ["words", "totals", "dead", "sent", "weather", "shared"].into_iter().chain(both::TOPICS) {
        config = config.set(format!("topic.{topic}.name"), format!("{topic}-{unique}"));
    }
    Some((App::new().config(config.clone()), config))
}

static WORDS: Topic<String, u64> = Topic::new("words").partitions(4).start(Start::Earliest).until_end();
static TOTALS: Cache<String, u64> = Cache::new("totals");
static SUMS: Topic<String, u64> = Topic::new("totals").partitions(2).start(Start::Earliest).until_end();
static DEAD: Topic<Option<String>, serde_json::Value> = Topic::new("dead").start(Start::Earliest).until_end();

const SENT: u64 = 3_000;

fn numbered() -> impl Iterator<Item = (String, u64)> {
    (0..SENT).map(|n| (format!("word{}", n % 7), n))
}

#[handle(source = numbered, sink = [WORDS])]
fn send(word: &(String, u64)) -> (String, u64) {
    word.clone()
}

#[handle(source = WORDS, sink = [TOTALS, SUMS])]
async fn add(n: u64, word: Key<String>) -> Result<(String, u64)> {
    Ok((word.0.clone(), TOTALS.get(&word.0)?.unwrap_or(0) + n))
}

static SEEN: Output<(String, u64)> = Output::new("seen");

#[handle(source = SUMS, sink = [SEEN])]
fn look(sum: (String, u64)) -> (String, u64) {
    sum
}

fn expected() -> Vec<(String, u64)> {
    (0..7).map(|word| (format!("word{word}"), (0..SENT).filter(|n| n % 7 == word).sum())).collect()
}

type Totals = Vec<(String, u64)>;

fn totals(running: &Running) -> Totals {
    running.enter(|| TOTALS.iter().collect::<Result<_>>().unwrap())
}

/// Three lanes in one app: one writes a topic, one reads it to its end and writes another, one reads that.
#[tokio::test(flavor = "multi_thread")]
async fn a_chain_of_topics_ends_when_its_writers_have() {
    let Some((app, _)) = app("chain") else { return };
    let running = app.handler(send).handler(add).handler(look).start().await.unwrap();
    running.wait().await.unwrap();
    assert_eq!(totals(&running), expected());
    let seen = running.drain(&SEEN).unwrap();
    assert_eq!(seen.len() as u64, SENT);
    for (word, total) in expected() {
        // Updates of one key stay in order, since they go to one partition.
        assert_eq!(seen.iter().rfind(|(seen, _)| *seen == word).unwrap().1, total);
    }
    running.assert_conserved();
    assert_eq!(running.report().sink("add", "SUMS").delivered, SENT);
}

/// Stopped in the middle, again and again: nothing is lost or counted twice.
#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_is_aborted_goes_on_where_it_committed() {
    let Some((writer, config)) = app("aborted") else { return };
    writer.handler(send).run().await.unwrap();
    let mut aborted = 0;
    for round in 0_u64..40 {
        let running = App::new().config(config.clone()).handler(add).start().await.unwrap();
        let patience = millis(400 + round * 37 % 300);
        match tokio::time::timeout(patience, running.wait()).await {
            Ok(done) => {
                done.unwrap();
                assert_eq!(totals(&running), expected(), "after {aborted} aborts");
                running.assert_conserved();
                return;
            }
            Err(_) => {
                aborted += 1;
                running.abort();
                let _ = running.wait().await;
            }
        }
    }
    panic!("it has not come to its end in 40 rounds");
}

#[handle(source = WORDS, on_error = dead_letter(&DEAD))]
fn refuse_some(n: u64) -> Result<()> {
    if n % 100 == 3 { Err(Error::msg("it ends in 3")) } else { Ok(()) }
}

static BURIED: Output<(Option<String>, String, String)> = Output::new("buried");

#[handle(source = DEAD, sink = [BURIED])]
fn exhume(
    letter: Record<Option<String>, serde_json::Value>,
    headers: Headers,
) -> (Option<String>, String, String) {
    let error = String::from_utf8_lossy(headers.get("slipstream-error").unwrap_or_default()).into_owned();
    (letter.key, letter.value.to_string(), error)
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_have_the_bytes_that_came() {
    let Some((app, _)) = app("dead") else { return };
    let running = app.handler(send).handler(refuse_some).handler(exhume).start().await.unwrap();
    running.wait().await.unwrap();
    let mut buried = running.drain(&BURIED).unwrap();
    buried.sort_by_key(|(_, value, _)| value.parse::<u64>().unwrap());
    assert_eq!(buried.len() as u64, SENT / 100);
    let third = ("word3".to_owned(), "3".to_owned(), "it ends in 3".to_owned());
    assert_eq!(buried[0], (Some(third.0), third.1, third.2));
    assert_eq!(running.report().handler("refuse_some").dead, SENT / 100);
    running.assert_conserved();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_not_there_is_waited_for_and_a_shutdown_is_heard_meanwhile() {
    let config = Config::new().set("kafka.bootstrap.servers", "127.0.0.1:1").set("state.dir", "memory");
    let app = || App::new().config(config.clone()).handler(add);
    assert!(tokio::time::timeout(secs(3), app().start()).await.is_err());
    let error = app().run_until(tokio::time::sleep(secs(2))).await.unwrap_err();
    assert!(error.to_string().contains("before it had started"), "{error}");
}

#[handle(source = every(millis(20)), sink = [SUMS])]
fn tick() -> (String, u64) {
    ("tick".to_owned(), 1)
}

/// An app with one broker of its own that is made up: a real one cannot be told to be away.
fn with_a_mock(settings: &[(&str, &str)]) -> (MockCluster<'static, DefaultProducerContext>, App) {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("totals", 2, 1).unwrap();
    let config = Config::new()
        .set("kafka.bootstrap.servers", cluster.bootstrap_servers())
        .set("app.id", "mocked")
        .set("state.dir", "memory");
    let config = settings.iter().fold(config, |config, (key, value)| config.set(*key, *value));
    (cluster, App::new().config(config).handler(tick))
}

/// For how long at most nothing was taken, until `is_over`.
async fn longest_pause(running: &Running, mut is_over: impl FnMut() -> bool) -> Duration {
    let done = || running.report().handler("tick").taken;
    let (mut last, mut since, mut longest) = (done(), Instant::now(), Duration::ZERO);
    while !is_over() {
        tokio::time::sleep(millis(5)).await;
        if done() > last {
            (last, since) = (done(), Instant::now());
        }
        longest = longest.max(since.elapsed());
        assert!(longest < secs(30), "they do not go on: {}", running.report());
    }
    longest
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_are_paused_while_records_are_not_delivered() {
    let (cluster, app) = with_a_mock(&[]);
    let running = app.start().await.unwrap();
    let delivered = || running.report().sink("tick", "SUMS").delivered;
    assert!(longest_pause(&running, || delivered() > 10).await < secs(2), "before");
    cluster.broker_down(1).unwrap();
    let (down, before) = (Instant::now(), delivered());
    let away = longest_pause(&running, || down.elapsed() > secs(6)).await;
    assert!(away > secs(2), "they were not paused, but for {away:?}");
    cluster.broker_up(1).unwrap();
    longest_pause(&running, || delivered() > before + 100).await;
    running.stop().await.unwrap();
    running.assert_conserved();
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_linger_are_no_outage() {
    let (_cluster, app) = with_a_mock(&[("kafka.linger.ms", "4000")]);
    let running = app.start().await.unwrap();
    let delivered = || running.report().sink("tick", "SUMS").delivered;
    let longest = longest_pause(&running, || delivered() > 250).await;
    assert!(longest < secs(1), "paused for {longest:?}");
    running.stop().await.unwrap();
    running.assert_conserved();
}

static RETRIES: Topic<String, u64> = Topic::new("totals.retry");

#[handle(source = [1_u64], sink = [SUMS, RETRIES])]
fn to_both(n: u64) -> (String, u64) {
    ("both".to_owned(), n)
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_those_of_the_topic_with_the_longest_name() {
    let (cluster, _) = with_a_mock(&[]);
    cluster.create_topic("totals.retry", 1, 1).unwrap();
    let config = Config::new()
        .set("kafka.bootstrap.servers", cluster.bootstrap_servers())
        .set("topic.totals.retry.compression.type", "gzip")
        .set("state.dir", "memory");
    App::new().config(config).handler(to_both).run().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_none_is_not_waited_for() {
    let config = Config::new().set("kafka.bootstrap.servers", "localhost:kafka").set("state.dir", "memory");
    let error = App::new().config(config).handler(add).start().await.err().unwrap().to_string();
    assert!(error.contains("`localhost:kafka`") && error.contains("host:port"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_that_the_group_does_not_take_ends_the_app() {
    let Some((app, _)) = app("refused") else { return };
    let too_short =
        Config::new().set("kafka.session.timeout.ms", "10").set("kafka.heartbeat.interval.ms", "3");
    let running = app.config(too_short).handler(again).start().await.unwrap();
    let ended = tokio::time::timeout(secs(20), running.wait()).await;
    let error = ended.expect("it waits for ever").unwrap_err().to_string();
    assert!(error.contains("session timeout"), "{error}");
}

/// The same chain in memory gives the same, so that what is tested there holds here.
#[tokio::test(flavor = "multi_thread")]
async fn memory_agrees() {
    let running = Broker::new().app().handler(send).handler(add).handler(look).start().await.unwrap();
    running.wait().await.unwrap();
    assert_eq!(totals(&running), expected());
    running.assert_conserved();
}

static SOUGHT: Cache<String, u64> = Cache::new("sought");

/// Goes back to the tenth record of its partition, once, when it meets one that is far on.
#[handle(source = WORDS, sink = [TOTALS])]
async fn back_once(_: &u64, at: Ctx) -> Result<(String, u64)> {
    let id = at.id();
    let mut place = id.rsplit('/');
    let offset: i64 = place.next().unwrap().parse()?;
    let partition: u32 = place.next().unwrap().parse()?;
    let mine = format!("{partition}");
    if offset >= 300 && SOUGHT.get(&mine)?.is_none() {
        SOUGHT.put(&mine, &(offset as u64))?;
        WORDS.seek([(partition, 10)]).await?;
    }
    let seen = format!("{partition}/{offset}");
    Ok((seen.clone(), TOTALS.get(&seen)?.unwrap_or(0) + 1))
}

/// Seeks on a broker, stopped in the middle again and again: each partition goes back once, with what was written with it.
#[tokio::test(flavor = "multi_thread")]
async fn seeks_are_exact_over_aborts() {
    let Some((writer, config)) = app("sought") else { return };
    writer.handler(send).run().await.unwrap();
    let mut aborted = 0;
    for round in 0_u64..40 {
        let running = App::new().config(config.clone()).handler(back_once).start().await.unwrap();
        let patience = millis(400 + round * 37 % 300);
        let Ok(done) = tokio::time::timeout(patience, running.wait()).await else {
            aborted += 1;
            running.abort();
            let _ = running.wait().await;
            continue;
        };
        done.unwrap();
        running.assert_conserved();
        let sought: Vec<(String, u64)> = running.enter(|| SOUGHT.iter().collect::<Result<_>>().unwrap());
        assert!(!sought.is_empty());
        for (seen, times) in totals(&running) {
            let (partition, offset) = seen.split_once('/').unwrap();
            let from = sought.iter().find(|(of, _)| of == partition).map_or(0, |(_, from)| *from);
            let offset: u64 = offset.parse().unwrap();
            let twice = (10..=from).contains(&offset);
            assert_eq!(times, 1 + u64::from(twice), "{seen} after {aborted} aborts, {sought:?}");
        }
        assert_eq!(totals(&running).len() as u64, SENT, "after {aborted} aborts");
        return;
    }
    panic!("it has not come to its end in 40 rounds");
}

#[handle(source = SENT_BACK, sink = [AGAIN])]
fn again(n: u64) -> u64 {
    n
}

static SENT_BACK: Topic<String, u64> = Topic::new("sent").partitions(1).start(Start::Earliest);
static AGAIN: Output<u64> = Output::new("again");

#[tokio::test(flavor = "multi_thread")]
async fn a_seek_from_outside_and_what_cannot_be_sought() {
    let Some((app, _)) = app("outside") else { return };
    let running = app.handler(again).start().await.unwrap();
    for n in 0..5 {
        running.scope(SENT_BACK.send(("key".to_owned(), n))).await.unwrap();
    }
    let mut seen = Vec::new();
    let mut until = async |many: usize| {
        while seen.len() < many {
            tokio::time::sleep(millis(5)).await;
            seen.extend(running.drain(&AGAIN).unwrap());
        }
        std::mem::take(&mut seen)
    };
    assert_eq!(until(5).await, [0, 1, 2, 3, 4]);
    running.scope(SENT_BACK.seek([(0, 3)])).await.unwrap();
    assert_eq!(until(2).await, [3, 4]);
    for (partition, offset, why) in [
        (0, -1, "offset -1 is wanted, but the log holds 0 to 5"),
        (0, 6, "offset 6 is wanted, but the log holds 0 to 5"),
        (7, 0, "has 1 partitions: there is no 7"),
    ] {
        let error = running.scope(SENT_BACK.seek([(partition, offset)])).await.unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    running.scope(SENT_BACK.seek([(0, 5)])).await.unwrap();
    running.scope(SENT_BACK.send(("key".to_owned(), 5))).await.unwrap();
    assert_eq!(until(1).await, [5]);
    running.stop().await.unwrap();
    running.assert_conserved();
}

fn broker(name: &str) -> Option<both::Place> {
    let (_, config) = app(name)?;
    Some(Box::new(move || App::new().config(config.clone())))
}

both::over!(broker);
