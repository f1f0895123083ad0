//! Two members of a group on a broker: partitions come and go, and what is in flight is finished or handed back.

use slipstream::prelude::*;
use slipstream::testing::Output;
use std::collections::BTreeMap;

const PARTITIONS: u32 = 4;
static SHARED: Topic<u32, u64> = Topic::new("shared").partitions(PARTITIONS).start(Start::Earliest);
static SEEN: Output<(u32, i64)> = Output::new("seen by a member");

/// Each partition in order, three at a time; what is not three yet waits in the pipe.
#[handle(source = SHARED, pipe = [chunks(3)], lanes = partitions, sink = [SEEN])]
async fn in_threes(records: Vec<Record<u32, u64>>) -> Vec<(u32, i64)> {
    tokio::time::sleep(millis(1)).await;
    records.iter().map(|record| (record.partition(), record.offset())).collect()
}

#[handle(source = SHARED, concurrency = 3, sink = [SEEN])]
async fn by_key(record: Record<u32, u64>) -> (u32, i64) {
    tokio::time::sleep(Duration::from_micros(300)).await;
    (record.partition(), record.offset())
}

/// A member of the group, with a state of its own.
struct Member {
    running: Running,
    /// By partition, the offsets in the order in which they were handled.
    seen: BTreeMap<u32, Vec<i64>>,
}

impl Member {
    async fn start(config: &Config, add: fn(App) -> App) -> Member {
        let state = tempfile::tempdir().unwrap().keep();
        let config = config.clone().set("state.dir", state.to_string_lossy());
        Member { running: add(App::new().config(config)).start().await.unwrap(), seen: BTreeMap::new() }
    }

    fn look(&mut self) -> usize {
        for (partition, offset) in self.running.drain(&SEEN).unwrap() {
            self.seen.entry(partition).or_default().push(offset);
        }
        self.seen.values().map(Vec::len).sum()
    }

    async fn stop(mut self) -> BTreeMap<u32, Vec<i64>> {
        self.running.stop().await.unwrap();
        self.running.assert_conserved();
        self.look();
        self.seen
    }
}

/// Sends so many more records, all keys alike.
async fn send(member: &Member, from: u64, many: u64) {
    for n in from..from + many {
        member.running.scope(SHARED.send(((n % 37) as u32, n))).await.unwrap();
    }
}

async fn until(what: &str, mut enough: impl FnMut() -> bool) {
    for _ in 0..4_000 {
        if enough() {
            return;
        }
        tokio::time::sleep(millis(5)).await;
    }
    panic!("in 20 s not: {what}");
}

/// One is alone, gets company, and is alone again, while records come; gives how often each record was handled.
async fn two_members(
    name: &str,
    strategy: &str,
    add: fn(App) -> App,
    held: usize,
) -> Option<BTreeMap<(u32, i64), usize>> {
    const EACH: u64 = 37 * 12;
    let (_, config) = super::app(name)?;
    let config = config.set("kafka.partition.assignment.strategy", strategy);
    let mut one = Member::start(&config, add).await;
    send(&one, 0, EACH).await;
    until("the first sees most", || one.look() + held >= EACH as usize).await;
    let mut two = Member::start(&config, add).await;
    // In the midst of it all.
    let mut sent = EACH;
    while two.look() < 30 {
        assert!(sent < 400 * EACH, "the second sees nothing");
        send(&one, sent, 37).await;
        sent += 37;
    }
    let seen_by_two = two.stop().await;
    send(&one, sent, EACH).await;
    sent += EACH;
    let total = |seen: &BTreeMap<u32, Vec<i64>>| seen.values().map(Vec::len).sum::<usize>();
    let by_two = total(&seen_by_two);
    until("the first sees the rest", || one.look() + by_two + held >= sent as usize).await;
    tokio::time::sleep(millis(300)).await;
    let seen_by_one = one.stop().await;
    let mut times = BTreeMap::new();
    for seen in [&seen_by_one, &seen_by_two] {
        for (partition, offsets) in seen {
            offsets.iter().for_each(|offset| *times.entry((*partition, *offset)).or_default() += 1);
        }
    }
    assert!(times.len() + held >= sent as usize, "{} of {sent} were handled", times.len());
    Some(times)
}

fn twice(times: &BTreeMap<(u32, i64), usize>) -> Vec<(u32, i64)> {
    times.iter().filter(|(_, times)| **times > 1).map(|(record, _)| *record).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn lanes_of_partitions_come_and_go_with_the_group() {
    let add = |app: App| app.handler(in_threes);
    for strategy in ["range", "cooperative-sticky"] {
        let held = 2 * PARTITIONS as usize;
        let Some(times) = two_members("come-and-go", strategy, add, held).await else { return };
        assert_eq!(twice(&times), [], "{strategy}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lanes_by_key_finish_what_they_have_when_the_group_changes() {
    for strategy in ["range", "cooperative-sticky"] {
        let Some(times) = two_members("by-key", strategy, |app| app.handler(by_key), 0).await else { return };
        assert_eq!(twice(&times), [], "{strategy}");
    }
}

#[handle(source = SHARED, sink = [SEEN])]
fn one_by_one(record: Record<u32, u64>) -> (u32, i64) {
    (record.partition(), record.offset())
}

/// The one is paused before anything comes, and stays so while another comes, takes a part, and goes.
#[tokio::test(flavor = "multi_thread")]
async fn a_paused_topic_keeps_its_place_over_a_rebalance_and_reads_nothing_to_throw_away() {
    const MANY: u64 = 37 * 40;
    let Some((_, config)) = super::app("paused") else { return };
    let add = |app: App| app.handler(one_by_one);
    let mut one = Member::start(&config, add).await;
    send(&one, 0, MANY / 2).await;
    until("the first sees half", || one.look() == MANY as usize / 2).await;
    one.running.flush().await.unwrap();
    one.running.pause("shared", "the test").unwrap();
    send(&one, MANY / 2, MANY / 2).await;
    let mut two = Member::start(&config, add).await;
    until("the second sees some", || two.look() > 30).await;
    let seen_by_two = two.stop().await;
    assert_eq!(one.look(), MANY as usize / 2, "it is paused");
    one.running.resume("shared", "the test").unwrap();
    let by_two: usize = seen_by_two.values().map(Vec::len).sum();
    until("the first sees the rest", || one.look() + by_two >= MANY as usize).await;
    tokio::time::sleep(millis(300)).await;
    let received: u64 = one.running.report().sources.iter().map(|source| source.received).sum();
    let seen_by_one = one.stop().await;
    let mut times = BTreeMap::<(u32, i64), usize>::new();
    for (partition, offsets) in seen_by_one.iter().chain(&seen_by_two) {
        offsets.iter().for_each(|offset| *times.entry((*partition, *offset)).or_default() += 1);
    }
    assert_eq!(times.len(), MANY as usize);
    // A lane that is paused cannot finish what it and its channel have in hand before the group goes on: some deliveries of
    // the few records that had come by then.
    assert!(twice(&times).len() <= 64, "{:?}", twice(&times));
    let needed: usize = seen_by_one.values().map(Vec::len).sum();
    // What it had before the rebalance may come once more, as a lane's queue holds it.
    assert!(received <= 2 * needed as u64, "{received} records came for {needed} that it handled");
}
