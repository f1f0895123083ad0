//! What every log must do, checked over each of them: memory always, a broker where the environment names one.

pub(crate) mod harness;

use super::*;
use harness::*;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Another client of the same log; the tests restart by opening one again.
type Open<'a> = &'a dyn Fn() -> Arc<dyn Log>;

/// Runs all of it. The caller's thread must allow blocking within a tokio runtime.
pub(crate) fn suite(open: Open<'_>) {
    partitions(open);
    order_and_partitioner(open);
    contents(open);
    restart(open, Some(Restart::Position));
    restart(open, Some(Restart::Group));
    restart(open, None);
    latest(open);
    starts(open);
    at_once_after_subscribing(open);
    ends(open);
    late_records(open);
    several_topics(open);
    backpressure(open);
    out_of_range(open);
    close_in_the_middle(open);
    bounds(open);
    rereads(open);
}

enum Restart {
    Position,
    Group,
}

fn partitions(open: Open<'_>) {
    let (log, topic) = (open(), name("partitions"));
    assert_eq!(log.partitions(&topic).unwrap(), None);
    log.create(&topic, 3).unwrap();
    log.create(&topic, 3).unwrap();
    let error = log.create(&topic, 4).unwrap_err().to_string();
    assert!(error.contains(&*topic) && error.contains('3') && error.contains('4'), "{error}");
    assert_eq!(log.partitions(&topic).unwrap(), Some(3));
    assert_eq!(log.ends(&topic).unwrap(), [0, 0, 0]);
    written(&log, (0..3).map(|p| Outgoing { partition: Some(p), ..outgoing(&topic, None, "") }).collect());
    assert_eq!(log.ends(&topic).unwrap(), [1, 1, 1]);
    let missing = Outgoing { partition: Some(3), ..outgoing(&topic, None, "") };
    let error = write(&log, vec![missing]).remove(0).unwrap_err().to_string();
    assert!(error.contains(&*topic), "{error}");
    close(&log);
}

fn order_and_partitioner(open: Open<'_>) {
    let (log, topic, count) = (open(), name("order"), 20_000);
    log.create(&topic, 4).unwrap();
    let record = |i: usize| outgoing(&topic, Some(&format!("key-{}", i % 97)), &i.to_string());
    let acks = written(&log, (0..count).map(record).collect());
    let mut reading = read(&log, &name("group"), &topic, Origin::Earliest);
    reading.until_ends(&log.ends(&topic).unwrap());
    reading.assert_in_order(&BTreeMap::new());
    assert_eq!(reading.assigned, Some(vec![0, 1, 2, 3]));
    assert_eq!(reading.records.len(), count);
    let mut last = BTreeMap::new();
    for record in &reading.records {
        let key = record.key.clone().unwrap();
        assert_eq!(record.partition, partitioner::partition(&key, 4));
        let value: usize = std::str::from_utf8(record.value.as_ref().unwrap()).unwrap().parse().unwrap();
        assert_eq!(acks[value], Written { partition: record.partition, offset: record.offset });
        assert!(last.insert(key, value).is_none_or(|before| before < value), "order within a key");
    }
    let keyless = written(&log, (0..400).map(|i| outgoing(&topic, None, &i.to_string())).collect());
    assert!(keyless.iter().all(|written| written.partition < 4));
    close(&log);
}

fn contents(open: Open<'_>) {
    let (log, topic) = (open(), name("contents"));
    log.create(&topic, 1).unwrap();
    let headers: RawHeaders = vec![
        ("a".into(), Some(Bytes::from_static(b"1"))),
        ("b".into(), None),
        ("a".into(), Some(Bytes::from_static(&[0xff, 0]))),
        ("empty".into(), Some(Bytes::new())),
    ];
    let full =
        Outgoing { headers: headers.clone(), timestamp: Some(1234), ..outgoing(&topic, Some("k"), "v") };
    let tombstone = Outgoing { value: None, ..outgoing(&topic, Some("k"), "") };
    written(&log, vec![full, tombstone, outgoing(&topic, Some(""), ""), outgoing(&topic, None, "w")]);
    let mut reading = read(&log, &name("group"), &topic, Origin::Earliest);
    reading.until_ends(&[4]);
    let [full, tombstone, empty, keyless] = &reading.records[..] else { panic!("{:?}", reading.records) };
    assert_eq!(full.headers, headers);
    assert_eq!(full.timestamp, Some(1234));
    assert_eq!((full.key.as_deref(), full.value.as_deref()), (Some(&b"k"[..]), Some(&b"v"[..])));
    assert_eq!((tombstone.key.as_deref(), tombstone.value.as_deref()), (Some(&b"k"[..]), None));
    assert!(tombstone.timestamp.unwrap() > 1_600_000_000_000 && tombstone.headers.is_empty());
    assert_eq!((empty.key.as_deref(), empty.value.as_deref()), (Some(&b""[..]), Some(&b""[..])));
    assert_eq!(keyless.key, None);
    close(&log);
}

/// Stops in the middle and starts again, several times, and must see every record once.
fn restart(open: Open<'_>, how: Option<Restart>) {
    let (topic, group, count) = (name("restart"), name("group"), 6000);
    let log = open();
    log.create(&topic, 3).unwrap();
    written(&log, (0..count).map(|i| outgoing(&topic, Some(&i.to_string()), &i.to_string())).collect());
    let ends = log.ends(&topic).unwrap();
    close(&log);
    let mut positions: BTreeMap<u32, i64> = BTreeMap::new();
    let mut seen = Vec::new();
    for round in 1..=3 {
        let log = open();
        let stored = positions.clone();
        let by_store = matches!(how, Some(Restart::Position));
        let position = move |partition| stored.get(&partition).copied().filter(|_| by_store);
        let (subscription, mut reading) = subscription(&topic, Origin::Earliest, position, 2);
        log.subscribe(&group, vec![subscription]).unwrap();
        if how.is_none() {
            reading.until_ends(&ends);
            assert_eq!(reading.records.len(), count, "without a position, all is read again");
            reading.assert_in_order(&BTreeMap::new());
            close(&log);
            continue;
        }
        if round == 3 {
            reading.until_ends(&ends);
        } else {
            reading.until("a part", |r| r.records.len() >= 1000 * round);
        }
        reading.assert_in_order(&positions);
        for record in &reading.records {
            positions.insert(record.partition, record.offset + 1);
        }
        seen.extend(reading.values());
        let offset = |(&partition, &offset): (&u32, &i64)| GroupOffset {
            topic: topic.clone(),
            partition,
            offset,
            by: None,
        };
        let mut offsets: Vec<_> = positions.iter().map(offset).collect();
        if by_store {
            // The group is told nonsense, which must not count where the store knows better.
            offsets.iter_mut().for_each(|offset| offset.offset = 1);
        }
        log.commit(&offsets);
        drop(reading);
        close(&log);
    }
    if how.is_some() {
        let mut numbers: Vec<usize> = seen.iter().map(|value| value.parse().unwrap()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..count).collect::<Vec<_>>());
    }
}

fn latest(open: Open<'_>) {
    let (log, topic) = (open(), name("latest"));
    log.create(&topic, 2).unwrap();
    let record = |p, value| Outgoing { partition: Some(p), ..outgoing(&topic, None, value) };
    written(&log, vec![record(0, "old"), record(1, "old"), record(1, "old")]);
    let mut reading = read(&log, &name("group"), &topic, Origin::Latest);
    reading.until_ends(&[1, 2]);
    written(&log, vec![record(0, "new"), record(1, "new")]);
    reading.until_ends(&[2, 3]);
    assert_eq!(reading.values(), ["new", "new"]);
    close(&log);
}

/// By offsets and by time, where nothing is known; with the group's position, or the store's, none of it counts.
fn starts(open: Open<'_>) {
    let (log, topic) = (open(), name("starts"));
    log.create(&topic, 3).unwrap();
    let record = |partition, n: i64| Outgoing {
        partition: Some(partition),
        timestamp: Some(1_000 * n),
        ..outgoing(&topic, None, &format!("{partition}:{n}"))
    };
    // Out of the order of their times in the middle; partition 2 has none as late as that.
    let times = [(0, 1), (0, 5), (0, 2), (0, 7), (1, 4), (1, 6), (2, 1), (2, 3)];
    written(&log, times.map(|(partition, n)| record(partition, n)).to_vec());
    let read_from = |origin, group: &str, position: fn(u32) -> Option<i64>, ends: &[i64]| {
        let client = open();
        let (subscription, mut reading) = subscription(&topic, origin, position, 4);
        client.subscribe(group, vec![subscription]).unwrap();
        reading.until_ends(ends);
        close(&client);
        let mut values = reading.values();
        values.sort();
        values.join(" ")
    };
    const OFFSETS: Origin = Origin::Offsets(&[(1, 1), (0, 4)]);
    let ends = [4, 2, 2];
    assert_eq!(read_from(OFFSETS, &name("group"), |_| None, &ends), "1:6 2:1 2:3");
    assert_eq!(read_from(Origin::At(5_000), &name("group"), |_| None, &ends), "0:2 0:5 0:7 1:6");
    assert_eq!(read_from(Origin::At(99_000), &name("group"), |_| None, &ends), "");
    let by_store = |partition| (partition == 0).then_some(3);
    assert_eq!(read_from(OFFSETS, &name("group"), by_store, &ends), "0:7 1:6 2:1 2:3");
    let group = name("group");
    let client = open();
    let mut reading = read(&client, &group, &topic, Origin::Latest);
    reading.until_ends(&ends);
    client.commit(&[GroupOffset { topic: topic.clone(), partition: 0, offset: 3, by: None }]);
    close(&client);
    // In the other partitions it has begun as well, behind their latest.
    assert_eq!(read_from(Origin::At(5_000), &group, |_| None, &ends), "0:7");
    // What comes after the question is read, though nothing was there at the time.
    let mut late = read(&log, &name("group"), &topic, Origin::At(99_000));
    late.until_ends(&ends);
    written(&log, vec![record(1, 100)]);
    late.until("the late one", |r| r.records.len() == 1);
    close(&log);
}

/// What is written when `subscribe` has returned is behind the latest record, however long the reader takes to begin.
fn at_once_after_subscribing(open: Open<'_>) {
    for _ in 0..20 {
        let (log, topic) = (open(), name("at-once"));
        log.create(&topic, 1).unwrap();
        written(&log, vec![outgoing(&topic, None, "old")]);
        let mut reading = read(&log, &name("group"), &topic, Origin::Latest);
        written(&log, vec![outgoing(&topic, None, "new")]);
        reading.until("the new one", |r| !r.records.is_empty());
        assert_eq!(reading.values(), ["new"]);
        close(&log);
    }
}

fn ends(open: Open<'_>) {
    let (log, topic) = (open(), name("ends"));
    log.create(&topic, 2).unwrap();
    let record = |p| Outgoing { partition: Some(p), ..outgoing(&topic, None, "x") };
    let mut reading = read(&log, &name("group"), &topic, Origin::Earliest);
    reading.until_ends(&[0, 0]);
    written(&log, vec![record(0), record(0)]);
    reading.until("the second end", |r| r.ends.contains(&(0, 2)));
    written(&log, vec![record(1)]);
    reading.until("the third end", |r| r.ends.contains(&(1, 1)));
    while reading.take(Duration::from_millis(700)) {}
    let mut once = reading.ends.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), reading.ends.len(), "an end is told once: {:?}", reading.ends);
    close(&log);
}

/// Records that come while a reader waits wake it at once.
fn late_records(open: Open<'_>) {
    let (log, topic) = (open(), name("late"));
    log.create(&topic, 2).unwrap();
    let mut reading = read(&log, &name("group"), &topic, Origin::Latest);
    reading.until_ends(&[0, 0]);
    for i in 0..200 {
        let start = Instant::now();
        written(&log, vec![outgoing(&topic, None, &i.to_string())]);
        reading.until("a late record", |r| r.records.len() == i + 1);
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    }
    close(&log);
}

/// Topics with the same partitions and offsets, so that an end is not taken for another's.
fn several_topics(open: Open<'_>) {
    let (log, topics) = (open(), [name("several"), name("several"), name("several")]);
    let mut readings = Vec::new();
    let mut subscriptions = Vec::new();
    for (at, topic) in topics.iter().enumerate() {
        log.create(topic, 2).unwrap();
        if at > 0 {
            written(&log, (0..3000).map(|i| outgoing(topic, Some(&i.to_string()), &i.to_string())).collect());
        }
        let (subscription, reading) = subscription(topic, Origin::Earliest, |_| None, 4);
        subscriptions.push(subscription);
        readings.push(reading);
    }
    log.subscribe(&name("group"), subscriptions).unwrap();
    for (reading, topic) in readings.iter_mut().zip(&topics) {
        let ends = log.ends(topic).unwrap();
        reading.until_ends(&ends);
        assert_eq!(reading.records.len() as i64, ends.iter().sum::<i64>());
        // A partition may seem to end before its first records are seen, but its real end is told once.
        for (partition, end) in (0..).zip(&ends) {
            let told = reading.ends.iter().filter(|told| **told == (partition, *end)).count();
            assert_eq!(told, 1, "{:?} of {ends:?}", reading.ends);
        }
        reading.assert_in_order(&BTreeMap::new());
    }
    let (sub, _) = subscription(&topics[0], Origin::Earliest, |_| None, 4);
    let (again, _) = subscription(&topics[0], Origin::Earliest, |_| None, 4);
    assert!(log.subscribe(&name("group"), vec![sub, again]).is_err(), "one topic twice");
    close(&log);
}

/// A reader that takes nothing for a while gets everything then, and others are not held up by it.
fn backpressure(open: Open<'_>) {
    let (log, slow, quick, count) = (open(), name("slow"), name("quick"), 120_000);
    for topic in [&slow, &quick] {
        log.create(topic, 3).unwrap();
    }
    for from in (0..count).step_by(10_000) {
        let record = |i: usize| outgoing(&slow, Some(&i.to_string()), &i.to_string());
        written(&log, (from..from + 10_000).map(record).collect());
    }
    let (first, mut slow_reading) = subscription(&slow, Origin::Earliest, |_| None, 1);
    let (second, mut quick_reading) = subscription(&quick, Origin::Earliest, |_| None, 1);
    log.subscribe(&name("group"), vec![first, second]).unwrap();
    quick_reading.until_ends(&[0, 0, 0]);
    for i in 0..20 {
        written(&log, vec![outgoing(&quick, None, &i.to_string())]);
        quick_reading.until("the quick one", |r| r.records.len() == i + 1);
        std::thread::sleep(Duration::from_millis(100));
    }
    let ends = log.ends(&slow).unwrap();
    for pause in [1500, 0] {
        slow_reading.until("a part", |r| r.records.len() >= count / 2 || pause == 0);
        std::thread::sleep(Duration::from_millis(pause));
    }
    slow_reading.until_ends(&ends);
    assert_eq!(slow_reading.records.len(), count);
    slow_reading.assert_in_order(&BTreeMap::new());
    close(&log);
}

fn out_of_range(open: Open<'_>) {
    let (log, topic) = (open(), name("range"));
    log.create(&topic, 1).unwrap();
    written(&log, (0..5).map(|i| outgoing(&topic, None, &i.to_string())).collect());
    let by_store = subscription(&topic, Origin::Earliest, |_| Some(77), 4);
    let by_start = subscription(&topic, Origin::Offsets(&[(0, 77)]), |_| None, 4);
    for (subscription, mut reading) in [by_store, by_start] {
        let client = open();
        client.subscribe(&name("group"), vec![subscription]).unwrap();
        reading.until("a failure", |r| r.failed.is_some());
        let error = reading.failed.unwrap().to_string();
        for part in [&*topic, "partition 0", "77", "0 to 5"] {
            assert!(error.contains(part), "{error}");
        }
        close(&client);
    }
    close(&log);
}

fn close_in_the_middle(open: Open<'_>) {
    let (log, topic) = (open(), name("close"));
    log.create(&topic, 2).unwrap();
    let acks = Arc::new(AtomicUsize::new(0));
    for i in 0..50_000 {
        let acks = acks.clone();
        let ack = Ack::new(move |result| {
            result.unwrap();
            acks.fetch_add(1, Ordering::Relaxed);
        });
        log.produce(outgoing(&topic, None, &i.to_string()), ack);
    }
    let mut reading = read(&log, &name("group"), &topic, Origin::Earliest);
    reading.until("some", |r| r.records.len() > 100);
    close(&log);
    assert_eq!(acks.load(Ordering::Relaxed), 50_000, "what was under way is delivered first");
    assert_eq!(log.in_flight(), 0);
    assert!(write(&log, vec![outgoing(&topic, None, "late")]).remove(0).is_err());
    let (subscription, _) = subscription(&topic, Origin::Earliest, |_| None, 4);
    assert!(log.subscribe(&name("group"), vec![subscription]).is_err());
    close(&log);
}

#[test]
fn memory_conforms() {
    let log = memory::MemoryLog::new(3);
    in_runtime(|| suite(&|| Arc::new(log.clone())));
}

#[cfg(feature = "kafka")]
#[test]
fn kafka_conforms() {
    let Ok(servers) = std::env::var("SLIPSTREAM_TEST_KAFKA") else {
        eprintln!("skipped: SLIPSTREAM_TEST_KAFKA names no broker");
        return;
    };
    let settings = BTreeMap::from([("bootstrap.servers".to_owned(), servers)]);
    let connect = || kafka::KafkaLog::connect(settings.clone(), kafka::TopicSettings::new()).unwrap();
    in_runtime(|| suite(&|| Arc::new(connect())));
}

fn in_runtime(test: impl FnOnce()) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _entered = runtime.enter();
    test();
}

fn bounds(open: Open<'_>) {
    let (log, topic) = (open(), name("bounds"));
    log.create(&topic, 2).unwrap();
    written(&log, (0..5).map(|_| Outgoing { partition: Some(1), ..outgoing(&topic, None, "") }).collect());
    assert_eq!((log.bounds(&topic, 0).unwrap(), log.bounds(&topic, 1).unwrap()), ((0, 0), (0, 5)));
    let error = log.bounds(&topic, 2).unwrap_err().to_string();
    assert_eq!(error, format!("topic `{topic}` has 2 partitions: there is no 2"));
    close(&log);
}

/// The position moves while it reads, back and forth, also where much has been fetched ahead; the other partition is not
/// disturbed.
fn rereads(open: Open<'_>) {
    const MANY: i64 = 3_000;
    let (log, topic) = (open(), name("rereads"));
    log.create(&topic, 2).unwrap();
    let record =
        |i: i64| Outgoing { partition: Some((i % 2) as u32), ..outgoing(&topic, None, &i.to_string()) };
    written(&log, (0..2 * MANY).map(record).collect());
    let (deliver, receiver) = mpsc::channel(2);
    let known = Arc::new(std::sync::Mutex::new([Known::default(); 2]));
    let asked = known.clone();
    let subscription = Subscription {
        topic: topic.clone(),
        origin: Origin::Earliest,
        position: Arc::new(move |partition| asked.lock().unwrap()[partition as usize]),
        hears: Arc::new(|_| Ok(())),
        deliver,
    };
    log.subscribe(&name("group"), vec![subscription]).unwrap();
    let mut reading = Reading { receiver, assigned: None, records: vec![], ends: vec![], failed: None };
    reading.until("before it moves", |r| r.records.len() >= 300);
    let mut other = 0;
    let targets = [Some(10), Some(MANY - 1), Some(0), None, Some(MANY)];
    for (at, target) in targets.into_iter().enumerate() {
        let epoch = at as u32 + 1;
        known.lock().unwrap()[0] = Known { offset: target, epoch };
        log.reread(&topic, 0);
        // Everything of the new epoch, and in order from the target on.
        let mut next = target.unwrap_or(0);
        let until = Instant::now() + Duration::from_secs(40);
        loop {
            for record in reading.records.drain(..) {
                if record.partition == 1 {
                    assert_eq!((record.offset, record.epoch), (other, 0));
                    other += 1;
                } else if record.epoch == epoch {
                    assert_eq!(record.offset, next, "to {target:?}");
                    next += 1;
                }
            }
            if at < 3 && next >= MANY.min(target.unwrap_or(0) + 500) {
                break;
            }
            if at >= 3 && next == MANY && reading.ends.contains(&(0, MANY)) {
                break;
            }
            assert!(Instant::now() < until, "to {target:?}: at {next}, {:?}", reading.failed);
            reading.take(Duration::from_millis(20));
        }
        reading.ends.clear();
    }
    close(&log);
}
