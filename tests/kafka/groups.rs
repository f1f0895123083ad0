//! Partitions that move between the instances of an app, each with a state of its own.

use super::{Totals, app};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use slipstream::prelude::*;
use slipstream::testing::Output;
use std::collections::BTreeMap;
use std::path::Path;

static WORDS: Topic<String, u64> = Topic::new("words").partitions(4).start(Start::Earliest);
static TOTALS: Cache<String, u64> = Cache::new("totals");
static PASSED: Output<u64> = Output::new("passed");

/// How often each number was taken.
#[handle(source = WORDS, sink = [TOTALS])]
fn tally(n: u64) -> Result<(String, u64)> {
    let n = n.to_string();
    Ok((n.clone(), TOTALS.get(&n)?.unwrap_or(0) + 1))
}

#[handle(source = WORDS, sink = [PASSED])]
fn pass(n: u64) -> u64 {
    n
}

/// An instance: the same app with a state of its own.
fn instance(config: &Config, dir: &Path) -> App {
    App::new().config(config.clone().set("state.dir", dir.to_string_lossy()))
}

async fn send(running: &Running, numbers: std::ops::Range<u64>) {
    for n in numbers {
        running.scope(WORDS.send((format!("word{n}"), n))).await.unwrap();
    }
}

fn tallies(running: &Running) -> Totals {
    super::totals(running)
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < secs(30), "{what}");
        tokio::time::sleep(millis(5)).await;
    }
}

/// Two members at once, and one again, without a restart of the first: it takes what the second did again, and has all.
#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_comes_back_is_made_whole_again_or_is_an_error() {
    let Some((_, config)) = app("moves") else { return };
    let dirs = tempfile::tempdir().unwrap();
    let replay = config.clone().set("state.on.loss", "replay");
    let first = instance(&replay, &dirs.path().join("first")).handler(tally).start().await.unwrap();
    send(&first, 0..100).await;
    until("all, alone", || tallies(&first).len() == 100).await;
    first.flush().await.unwrap();
    let second = instance(&replay, &dirs.path().join("second")).handler(tally).start().await.unwrap();
    let mut sent = 100;
    while tallies(&second).len() < 20 {
        send(&first, sent..sent + 20).await;
        sent += 20;
    }
    second.stop().await.unwrap();
    until("what the second did", || tallies(&first).len() as u64 == sent).await;
    assert!(tallies(&first).iter().all(|(_, times)| *times == 1), "none twice in a state");
    first.stop().await.unwrap();

    // Once more, where stale state is an error.
    let second = instance(&config, &dirs.path().join("third")).handler(tally).start().await.unwrap();
    send(&second, sent..sent + 100).await;
    until("all that is new", || tallies(&second).len() == 100).await;
    second.stop().await.unwrap();
    let third = instance(&config, &dirs.path().join("first")).handler(tally).start().await.unwrap();
    let error = tokio::time::timeout(secs(30), third.wait()).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("another instance has read on"), "{error}");
}

/// A state that was put back from a copy knows its own number, but not all of its commits.
#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_is_put_back_from_a_copy_is_stale() {
    let Some((_, config)) = app("copied") else { return };
    let dirs = tempfile::tempdir().unwrap();
    let (state, copy) = (dirs.path().join("state"), dirs.path().join("copy"));
    for (from, to) in [(0, 50), (50, 100)] {
        let running = instance(&config, &state).handler(tally).start().await.unwrap();
        send(&running, from..to).await;
        until("all", || tallies(&running).len() as u64 == to).await;
        running.stop().await.unwrap();
        drop(running);
        if from == 0 {
            copied(&state, &copy);
        }
    }
    let running = instance(&config, &copy).handler(tally).start().await.unwrap();
    let error = tokio::time::timeout(secs(30), running.wait()).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("another instance has read on"), "{error}");
}

fn copied(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copied(&entry.path(), &to),
            false => drop(std::fs::copy(entry.path(), to).unwrap()),
        }
    }
}

/// Without state a member goes on where the others have come to.
#[tokio::test(flavor = "multi_thread")]
async fn a_lane_without_state_takes_nothing_again() {
    let Some((_, config)) = app("passes") else { return };
    let dirs = tempfile::tempdir().unwrap();
    for round in 0..4 {
        let dir = dirs.path().join(if round % 2 == 0 { "here" } else { "there" });
        let running = instance(&config, &dir).handler(pass).start().await.unwrap();
        send(&running, round * 50..round * 50 + 50).await;
        let mut passed = Vec::new();
        until("all", || {
            passed.extend(running.drain(&PASSED).unwrap());
            passed.len() >= 50
        })
        .await;
        running.stop().await.unwrap();
        passed.extend(running.drain(&PASSED).unwrap());
        passed.sort_unstable();
        assert_eq!(passed, (round * 50..round * 50 + 50).collect::<Vec<_>>());
    }
}

/// The newest generation of a group, by the broker's own notes: it rises with each rebalance.
fn generation(group: &str) -> i32 {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", std::env::var("SLIPSTREAM_TEST_KAFKA").unwrap());
    config.set("group.id", "looks").set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create().unwrap();
    const NOTES: &str = "__consumer_offsets";
    let metadata = consumer.fetch_metadata(Some(NOTES), secs(10)).unwrap();
    let mut left = BTreeMap::new();
    let mut all = TopicPartitionList::new();
    for partition in metadata.topics()[0].partitions() {
        let (_, high) = consumer.fetch_watermarks(NOTES, partition.id(), secs(10)).unwrap();
        all.add_partition_offset(NOTES, partition.id(), Offset::Beginning).unwrap();
        left.insert(partition.id(), high);
    }
    left.retain(|_, high| *high > 0);
    consumer.assign(&all).unwrap();
    let mut generation = 0;
    while !left.is_empty() {
        let Some(Ok(note)) = consumer.poll(secs(10)) else { continue };
        // Version 2 of a key is a group: its name, behind its length in two bytes.
        if let (Some([0, 2, _, _, name @ ..]), Some(value)) = (note.key(), note.payload())
            && name == group.as_bytes()
        {
            // The version and the kind of group, which is a name as well; then the generation.
            let kind = usize::from(u16::from_be_bytes([value[2], value[3]]));
            let at = 4 + kind;
            generation = generation.max(i32::from_be_bytes(value[at..at + 4].try_into().unwrap()));
        }
        if left.get(&note.partition()).is_some_and(|high| note.offset() + 1 >= *high) {
            left.remove(&note.partition());
        }
    }
    generation
}

/// Members that have names of their own are missed only when their session ends: until then their partitions wait for them.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_a_static_member_moves_no_partition() {
    let Some((_, config)) = app("static") else { return };
    let group = config.get("app.id").unwrap().to_owned();
    let dirs = tempfile::tempdir().unwrap();
    let member = async |name: &str| {
        let config = config.clone().set("kafka.group.instance.id", name);
        instance(&config, &dirs.path().join(name)).handler(tally).start().await.unwrap()
    };
    let (first, mut second) = (member("first").await, member("second").await);
    let mut sent = 0;
    while tallies(&second).is_empty() || tallies(&first).is_empty() {
        send(&first, sent..sent + 20).await;
        sent += 20;
    }
    let before = generation(&group);
    assert!(before > 0);
    for is_clean in [true, false] {
        match is_clean {
            true => second.stop().await.unwrap(),
            false => {
                second.abort();
                let _ = second.wait().await;
            }
        }
        drop(second);
        send(&first, sent..sent + 20).await;
        sent += 20;
        second = member("second").await;
        until("all", || (tallies(&first).len() + tallies(&second).len()) as u64 >= sent).await;
    }
    assert_eq!(generation(&group), before, "rebalances");
    let both = tallies(&first).into_iter().chain(tallies(&second));
    let mut times: BTreeMap<String, u64> = BTreeMap::new();
    both.for_each(|(n, more)| *times.entry(n).or_default() += more);
    assert_eq!(times.len() as u64, sent);
    first.stop().await.unwrap();
    second.stop().await.unwrap();
}
