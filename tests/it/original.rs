//! What went wrong in the original's core and caches, one test for each that no other area has.

use super::common::{LONG, ended, failed, within};
use slipstream::prelude::*;
use slipstream::testing::{self, Broker, Output};
use slipstream::{Codec, Json};

fn six() -> impl Iterator<Item = u32> {
    0..6
}

fn first_two(stream: impl Stream<Item = u32> + Send) -> impl Stream<Item = u32> + Send {
    stream.take(2)
}

fn none_at_all(stream: impl Stream<Item = u32> + Send) -> impl Stream<Item = u32> + Send {
    drop(stream);
    slipstream::iter([])
}

#[handle(source = six, pipe = [first_two])]
fn takes_two(_n: u32) {}

#[handle(source = six, pipe = [none_at_all])]
fn takes_none(_n: u32) {}

#[handle(source = six)]
fn takes_all(_n: u32) {}

// The original waits for ever until the pipe that has ended takes the next message.
#[tokio::test]
async fn a_pipe_that_ends_early_holds_up_neither_its_source_nor_its_siblings() {
    let running = ended(testing::app().handler(takes_two).handler(takes_none).handler(takes_all)).await;
    let done = ["takes_two", "takes_none", "takes_all"].map(|name| running.report().handler(name).done);
    assert_eq!(done, [2, 0, 6]);
}

static LINE: Channel<u32> = Channel::new("line");
static OTHER: Channel<u32> = Channel::new("other");

#[handle(source = 0..20_u32, sink = [LINE, OTHER])]
fn sends(n: u32) -> u32 {
    n
}

#[handle(source = LINE, pipe = [first_two])]
fn gets_two(_n: u32) {}

#[handle(source = LINE)]
fn gets_all(_n: u32) {}

#[handle(source = OTHER)]
fn gets_others(_n: u32) {}

// The original passes over the next listener for one message when another leaves while it is handed round.
#[tokio::test]
async fn who_takes_no_more_from_a_channel_takes_nothing_from_others_and_keeps_none_from_ending() {
    let app = || testing::app().handler(sends).handler(gets_two).handler(gets_others);
    for app in [app(), app().handler(gets_all)] {
        let running = ended(app).await;
        let report = running.report();
        assert_eq!((report.handler("gets_two").done, report.handler("gets_others").done), (2, 20));
    }
}

static NARROW: Channel<u32> = Channel::new("narrow").capacity(2);

#[handle(source = 0..20_u32, sink = [NARROW])]
fn sends_into_little(n: u32) -> u32 {
    n
}

#[handle(source = NARROW, pipe = [first_two])]
fn gets_two_of_little(_n: u32) {}

#[handle(source = NARROW)]
fn gets_all_of_little(_n: u32) {}

// The original waits for ever.
#[tokio::test]
async fn a_channel_that_stays_full_since_a_pipe_has_ended_is_an_error_that_says_so() {
    let app = || testing::app().handler(sends_into_little).handler(gets_two_of_little);
    for app in [app(), app().handler(gets_all_of_little)] {
        let (running, error) = failed(app).await;
        let text = error.to_string();
        assert!(
            text.contains("`narrow` is full")
                && text.contains("`gets_two_of_little`, which takes from it, has ended"),
            "{text}"
        );
        assert_eq!(running.report().handler("gets_two_of_little").done, 2);
    }
}

static PRICES: Cache<String, u32> = Cache::new("prices");

#[tokio::test]
async fn who_stops_looking_takes_nothing_from_those_who_look_on() {
    let running = testing::app().start_idle().await.unwrap();
    let looking = async {
        let mut leaves = Box::pin(PRICES.updates()?);
        let mut stays = std::pin::pin!(PRICES.updates()?);
        PRICES.publish("tea", &1)?;
        assert_eq!(leaves.next().await, Some(Ok(("tea".to_owned(), 1))));
        PRICES.publish("tea", &2)?;
        drop(leaves);
        PRICES.publish("tea", &3)?;
        for price in 1..=3 {
            assert_eq!(stays.next().await, Some(Ok(("tea".to_owned(), price))));
        }
        Ok::<_, Error>(())
    };
    within(LONG, running.scope(looking)).await.unwrap();
}

static LAST_WORDS: Cache<String, u32> = Cache::new("last words");

async fn fails() -> Result<()> {
    Err(Error::msg("the first of two"))
}

async fn panics() -> Result<()> {
    panic!("the second of two")
}

// The original leaves out the hooks behind one that fails, in an order of chance, and hides what ended the streams.
#[tokio::test]
async fn a_hook_that_fails_keeps_no_other_from_running_and_what_they_wrote_is_kept() {
    let broker = Broker::new();
    let app = broker.app().handler(takes_all).on_stop(fails).on_stop(panics);
    let (running, error) = failed(app.on_stop(async || LAST_WORDS.put("bye", &1))).await;
    assert_eq!(error.to_string(), "a hook of `on_stop` failed: the first of two");
    drop(running);
    let again = broker.app().start_idle().await.unwrap();
    assert_eq!(again.enter(|| LAST_WORDS.get("bye")).unwrap(), Some(1));
}

static NEWS: Topic<String, String> = Topic::new("news");
static NEWS_AS_SENT: Topic<Vec<u8>, Vec<u8>, Raw> = Topic::new("news");

// The original has the first text of a topic written by its codec as bytes that were made text.
#[tokio::test]
async fn the_first_text_of_a_topic_is_written_as_all_others_are() {
    let broker = Broker::new();
    let running = broker.app().start_idle().await.unwrap();
    for _ in 0..2 {
        running.scope(NEWS.send(("k".to_owned(), "good".to_owned()))).await.unwrap();
    }
    let sent = broker.records(&NEWS_AS_SENT).unwrap();
    let sent: Vec<_> = sent.iter().map(|record| (&record.key[..], &record.value[..])).collect();
    assert_eq!(sent, [(&b"k"[..], &b"\"good\""[..]); 2]);
}

static NAMED: Topic<String, u32> = Topic::new("named").start(Start::Earliest).until_end();
static NAMES: Output<String> = Output::new("names");

#[handle(source = NAMED, sink = [NAMES], on_error = skip)]
fn name(key: Key<String>, _n: u32) -> String {
    key.0
}

// The original ends the stream of a topic for good at a key or a value that is no text.
#[tokio::test]
async fn a_key_that_is_no_text_and_one_that_is_not_there_follow_the_policy() {
    let broker = Broker::new();
    for key in [Some(&b"one"[..]), Some(b"caf\xe9"), None, Some(b"two")] {
        broker.write("named", key, Some(b"1")).await.unwrap();
    }
    let running = ended(broker.app().handler(name)).await;
    assert_eq!(running.drain(&NAMES).unwrap(), ["one", "two"]);
    assert_eq!(running.report().handler("name").skipped, 2);
}

static LATEST: Topic<u32, u32> = Topic::new("since then");
static LATEST_SEEN: Output<u32> = Output::new("seen since then");

#[handle(source = LATEST, sink = [LATEST_SEEN])]
fn since_then(n: u32) -> u32 {
    n
}

/// Sends while nobody reads.
async fn meanwhile(broker: &Broker, n: u32) {
    let idle = broker.app().start_idle().await.unwrap();
    idle.scope(LATEST.send((1, n))).await.unwrap();
    idle.stop().await.unwrap();
}

/// What it sees of these and of what is there already, by its next stop.
async fn seen_since(broker: &Broker, sent: impl IntoIterator<Item = u32>) -> Vec<u32> {
    let running = broker.app().handler(since_then).start().await.unwrap();
    for n in sent {
        running.scope(LATEST.send((1, n))).await.unwrap();
    }
    running.quiet().await;
    running.stop().await.unwrap();
    running.drain(&LATEST_SEEN).unwrap()
}

// The original with `offset=READ_FROM_END` goes to the end at each start.
#[tokio::test]
async fn what_came_while_it_was_down_is_read_by_who_began_at_the_latest() {
    let broker = Broker::new();
    meanwhile(&broker, 1).await;
    assert_eq!(seen_since(&broker, [2]).await, [2]);
    meanwhile(&broker, 3).await;
    assert_eq!(seen_since(&broker, [4]).await, [3, 4]);
}

static USERS: Cache<String, u32> = Cache::new("users");
static BLOBS: Cache<Vec<u8>, u32> = Cache::new("blobs");

// The original finds nothing under a prefix that is gone through backwards or from a key before it, and of bytes only what
// is the prefix itself.
#[tokio::test]
async fn a_prefix_is_gone_through_from_either_end_and_from_anywhere() {
    let running = testing::app().start_idle().await.unwrap();
    running.enter(|| {
        let names = ["order", "user:1", "user:2", "user:3", "users"];
        (0..).zip(names).for_each(|(n, name)| USERS.put(name, &n).unwrap());
        let found = |entries: slipstream::Entries<'_, _, _>| {
            entries.map(|entry| entry.unwrap().1).collect::<Vec<_>>()
        };
        assert_eq!(found(USERS.prefix("user:")), [1, 2, 3]);
        assert_eq!(found(USERS.prefix("user:").rev()), [3, 2, 1]);
        assert_eq!(found(USERS.prefix("user:").from("a")), [1, 2, 3]);
        assert_eq!(found(USERS.prefix("user:").rev().from("z")), [3, 2, 1]);
        assert_eq!(found(USERS.prefix("user:").from("z")), [0; 0]);
        assert_eq!(found(USERS.prefix("user:").rev().from("a")), [0; 0]);
        assert_eq!(found(USERS.range("user:3".to_owned().."user:1".to_owned())), [0; 0]);
        USERS.delete_range("user:3".to_owned().."user:1".to_owned()).unwrap();
        assert_eq!(USERS.keys().count(), 5);

        [&b"ab"[..], b"abc", b"ab\xff", b"ac"].iter().for_each(|key| BLOBS.put(*key, &0).unwrap());
        assert_eq!(BLOBS.prefix(&b"ab"[..]).count(), 3);
    });
}

static LEVELS: Cache<f64, u32> = Cache::new("levels");

// The original has negative floats behind the positive ones, the least of them last.
#[tokio::test]
async fn what_is_below_zero_is_in_order_and_in_its_range() {
    let running = testing::app().start_idle().await.unwrap();
    running.enter(|| {
        let levels = [-2.5, -1.0, 0.0, 1.0, 2.5];
        levels.iter().for_each(|level| LEVELS.put(level, &1).unwrap());
        assert_eq!(LEVELS.keys().collect::<Result<Vec<_>>>().unwrap(), levels);
        LEVELS.delete_range(-1.5..1.5).unwrap();
        assert_eq!(LEVELS.keys().collect::<Result<Vec<_>>>().unwrap(), [-2.5, 2.5]);
    });
}

static ANSWERS: Cache<String, Option<u32>> = Cache::new("answers");

// The original says `None` of both.
#[tokio::test]
async fn a_none_that_is_stored_is_told_from_a_key_that_is_not_there() {
    let running = testing::app().start_idle().await.unwrap();
    running.enter(|| {
        ANSWERS.put("asked", &None).unwrap();
        assert_eq!((ANSWERS.get("asked").unwrap(), ANSWERS.get("never").unwrap()), (Some(None), None));
        assert!(ANSWERS.contains("asked").unwrap() && !ANSWERS.contains("never").unwrap());
    });
}

static SHARES: Cache<u32, u64> = Cache::new("shares");
const SHARES_HELD: u32 = 40;

/// Changes a key while it changes another.
fn both(one: u32, other: u32) -> Result<u64> {
    SHARES.update(&one, |old| {
        let other = SHARES.update(&other, |old| old.unwrap_or(0) + 1);
        assert!(other.is_ok_and(|other| other > 0));
        old.unwrap_or(0) + 1
    })
}

fn pairs() -> impl Iterator<Item = (u32, u32)> {
    (0..SHARES_HELD)
        .flat_map(|one| (0..SHARES_HELD).map(move |other| (one, other)))
        .filter(|(one, other)| one != other)
}

#[handle(source = pairs(), concurrency = 2, key = |pair: &(u32, u32)| pair.0)]
fn shares((one, other): (u32, u32)) -> Result<()> {
    both(one, other).map(drop)
}

// The original waits for itself where two keys have the same of its 16 locks, which differs from run to run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_two_keys_are_in_each_others_way() {
    let running = ended(testing::app().handler(shares)).await;
    running.enter(|| pairs().try_for_each(|(one, other)| both(one, other).map(drop))).unwrap();
    let all = running.enter(|| SHARES.values().collect::<Result<Vec<_>>>()).unwrap();
    assert_eq!(all, vec![4 * u64::from(SHARES_HELD - 1); SHARES_HELD as usize]);
}

// The original waits for itself for ever.
#[tokio::test]
async fn an_update_that_changes_its_own_key_is_an_error_and_not_a_hang() {
    let running = testing::app().start_idle().await.unwrap();
    let error =
        running.enter(|| SHARES.update(&0, |_| SHARES.update(&0, |old| old.unwrap_or(0) + 1).unwrap()));
    let error = error.unwrap_err().to_string();
    assert!(error.contains("changes its own key"), "{error}");
}

// The original writes `NaN`, which no other JSON reader takes.
#[tokio::test]
async fn a_number_that_json_cannot_write_is_an_error_and_no_tombstone() {
    static WEIGHTS: Topic<String, f64> = Topic::new("weights");
    let broker = Broker::new();
    let running = broker.app().start_idle().await.unwrap();
    for weight in [f64::NAN, f64::INFINITY] {
        let error = running.scope(WEIGHTS.send(("k".to_owned(), weight))).await.unwrap_err().to_string();
        assert!(error.contains("`null`"), "{error}");
    }
    assert_eq!(broker.records(&WEIGHTS).unwrap().len(), 0);
    assert_eq!(<Json as Codec<Option<f64>>>::write(&None).unwrap(), None);
    assert!(<Json as Codec<()>>::write(&()).unwrap().is_none());
}
