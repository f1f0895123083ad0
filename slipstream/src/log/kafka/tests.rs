//! What only a broker shows; skipped unless `SLIPSTREAM_TEST_KAFKA` names one.

use super::*;
use crate::log::conformance::harness::*;
use crate::log::{Origin, Written};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

fn servers() -> Option<String> {
    let servers = std::env::var("SLIPSTREAM_TEST_KAFKA").ok();
    if servers.is_none() {
        eprintln!("skipped: SLIPSTREAM_TEST_KAFKA names no broker");
    }
    servers
}

fn connect(servers: &str, more: &[(&str, &str)]) -> Arc<dyn Log> {
    let settings = [("bootstrap.servers", servers)];
    let settings = settings.iter().chain(more).map(|(key, value)| (key.to_string(), value.to_string()));
    Arc::new(KafkaLog::connect(settings.collect(), TopicSettings::new()).unwrap())
}

#[test]
fn a_full_queue_neither_reorders_nor_drops() {
    let Some(servers) = servers() else { return };
    let log = connect(&servers, &[("queue.buffering.max.messages", "100")]);
    let topic = name("full");
    log.create(&topic, 2).unwrap();
    let (threads, each) = (4, 5000);
    let offsets = Arc::new(Mutex::new(vec![Vec::new(); threads]));
    let full = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (log, topic, offsets, full) = (&log, &topic, &offsets, &full);
            scope.spawn(move || {
                for i in 0..each {
                    let offsets = offsets.clone();
                    let ack = Ack::new(move |result: Result<Written>| {
                        offsets.lock().unwrap()[thread].push((i, result.unwrap().offset));
                    });
                    log.produce(
                        Outgoing { partition: Some(1), ..outgoing(topic, None, &i.to_string()) },
                        ack,
                    );
                    full.fetch_add(usize::from(!log.has_room()), Ordering::Relaxed);
                }
            });
        }
    });
    log.close(Duration::from_secs(30));
    assert!(full.into_inner() > 0, "the queue was never full");
    assert_eq!((log.in_flight(), log.has_room()), (0, true));
    for acks in offsets.lock().unwrap().iter_mut() {
        acks.sort_unstable();
        assert_eq!(acks.len(), each);
        assert!(acks.is_sorted_by_key(|&(_, offset)| offset), "order");
    }
}

#[test]
fn members_share_and_take_over() {
    let Some(servers) = servers() else { return };
    let (log, topic, group, count) = (connect(&servers, &[]), name("share"), name("group"), 4000);
    log.create(&topic, 4).unwrap();
    let write = |from: usize| {
        written(
            &log,
            (from..from + count).map(|i| outgoing(&topic, Some(&i.to_string()), &i.to_string())).collect(),
        );
    };
    let commit = |member: &Arc<dyn Log>, reading: &Reading| {
        let mut next = BTreeMap::new();
        for record in &reading.records {
            next.insert(record.partition, record.offset + 1);
        }
        let offset = |(partition, offset)| GroupOffset { topic: topic.clone(), partition, offset, by: None };
        member.commit(&next.into_iter().map(offset).collect::<Vec<_>>());
    };
    let numbers =
        |reading: &Reading| reading.values().iter().map(|v| v.parse().unwrap()).collect::<BTreeSet<usize>>();

    write(0);
    let first = connect(&servers, &[]);
    let mut one = read(&first, &group, &topic, Origin::Earliest);
    one.until("all, alone", |r| r.records.len() == count);
    commit(&first, &one);

    let second = connect(&servers, &[]);
    let mut two = read(&second, &group, &topic, Origin::Earliest);
    two.until("a share", |r| r.assigned.as_ref().is_some_and(|ours| ours.len() == 2));
    one.until("the other share", |r| r.assigned.as_ref().is_some_and(|ours| ours.len() == 2));
    assert!(one.assigned.iter().flatten().all(|p| !two.assigned.as_ref().unwrap().contains(p)));
    write(count);
    for _ in 0..100 {
        one.take(Duration::from_millis(20));
        two.take(Duration::from_millis(20));
    }
    let both: BTreeSet<usize> = numbers(&one).union(&numbers(&two)).copied().collect();
    assert_eq!(both, (0..2 * count).collect());
    assert_eq!(one.records.len() + two.records.len(), 2 * count, "what was committed is not read again");
    commit(&first, &one);
    commit(&second, &two);

    first.close(Duration::from_secs(10));
    two.until("all partitions", |r| r.assigned.as_ref().is_some_and(|ours| ours.len() == 4));
    let before = two.records.len();
    write(2 * count);
    two.until("the rest", |r| r.records.len() == before + count);
    assert!(numbers(&two).is_superset(&(2 * count..3 * count).collect()));
    second.close(Duration::from_secs(10));
    log.close(Duration::from_secs(10));
}

#[test]
fn an_end_counts_the_marks_of_transactions() {
    let Some(servers) = servers() else { return };
    let (log, topics) = (connect(&servers, &[]), [name("marks"), name("marks"), name("plain")]);
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &servers).set("transactional.id", &*topics[0]);
    let writer: BaseProducer = config.create().unwrap();
    writer.init_transactions(Duration::from_secs(20)).unwrap();
    for topic in &topics {
        log.create(topic, 1).unwrap();
    }
    written(&log, (0..11).map(|i| outgoing(&topics[2], None, &i.to_string())).collect());
    for abort in [false, true] {
        writer.begin_transaction().unwrap();
        for topic in &topics[..2] {
            for _ in 0..5 {
                writer.send(BaseRecord::<(), str>::to(topic).payload("x")).unwrap();
            }
        }
        writer.flush(Duration::from_secs(10)).unwrap();
        if abort {
            writer.abort_transaction(Duration::from_secs(10)).unwrap();
        } else {
            writer.commit_transaction(Duration::from_secs(10)).unwrap();
        }
    }
    let (subscriptions, mut readings): (Vec<_>, Vec<_>) =
        topics.iter().map(|topic| subscription(topic, Origin::Earliest, |_| None, 4)).unzip();
    log.subscribe(&name("group"), subscriptions).unwrap();
    for (topic, reading) in topics.iter().zip(&mut readings) {
        // A broker answers a commit or an abort before all its marks are written; only then does the end move on.
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut ends = log.ends(topic).unwrap();
        while ends[0] < 11 {
            assert!(Instant::now() < deadline, "{ends:?}");
            std::thread::sleep(Duration::from_millis(20));
            ends = log.ends(topic).unwrap();
        }
        reading.until_ends(&ends);
        assert_eq!(reading.records.len(), if *topic == topics[2] { 11 } else { 5 });
    }
    log.close(Duration::from_secs(10));
}

#[test]
fn an_offset_that_is_gone_is_said() {
    let Some(servers) = servers() else { return };
    let (log, topic) = (connect(&servers, &[]), name("gone"));
    log.create(&topic, 1).unwrap();
    written(&log, (0..10).map(|i| outgoing(&topic, None, &i.to_string())).collect());
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &servers);
    let admin: AdminClient<DefaultClientContext> = config.create().unwrap();
    let mut until = TopicPartitionList::new();
    until.add_partition_offset(&topic, 0, Offset::Offset(7)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(admin.delete_records(&until, &AdminOptions::new())).unwrap();
    let (subscription, mut reading) = subscription(&topic, Origin::Earliest, |_| Some(3), 4);
    log.subscribe(&name("group"), vec![subscription]).unwrap();
    reading.until("a failure", |r| r.failed.is_some());
    let error = reading.failed.take().unwrap().to_string();
    assert!(error.contains("offset 3 is wanted, but the log holds 7 to 10"), "{error}");
    let mut earliest = read(&log, &name("group"), &topic, Origin::Earliest);
    earliest.until_ends(&[10]);
    assert_eq!(earliest.values(), ["7", "8", "9"]);
    log.close(Duration::from_secs(10));
}

#[test]
fn unknown_topics_are_named_and_not_made() {
    let Some(servers) = servers() else { return };
    let (log, topic) = (connect(&servers, &[]), name("unknown"));
    let (subscription, _reading) = subscription(&topic, Origin::Earliest, |_| None, 4);
    let error = log.subscribe(&name("group"), vec![subscription]).unwrap_err().to_string();
    assert!(error.contains(&*topic) && error.contains(&servers), "{error}");
    assert!(log.ends(&topic).is_err());
    assert_eq!(log.partitions(&topic).unwrap(), None);
    log.close(Duration::from_secs(10));
}

#[test]
fn a_topic_is_made_and_written_by_settings_of_its_own() {
    let Some(servers) = servers() else { return };
    let (own, plain, wrong) = (name("own"), name("plain"), name("wrong"));
    let pairs = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
    };
    let topics = TopicSettings::from([
        (own.to_string(), pairs(&[("partitioner", "consistent"), ("create.cleanup.policy", "compact")])),
        (wrong.to_string(), pairs(&[("create.retention.ms", "canary")])),
    ]);
    let log: Arc<dyn Log> =
        Arc::new(KafkaLog::connect(pairs(&[("bootstrap.servers", &servers)]), topics).unwrap());
    let error = log.create(&wrong, 1).unwrap_err().to_string();
    assert!(error.contains(&*wrong) && error.contains("create.*") && !error.contains("canary"), "{error}");
    let (mut made, mut to) = (Vec::new(), Vec::new());
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &servers);
    let admin: AdminClient<DefaultClientContext> = config.create().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for topic in [&own, &plain] {
        log.create(topic, 4).unwrap();
        let asked = [ResourceSpecifier::Topic(topic)];
        let told = runtime.block_on(admin.describe_configs(&asked, &AdminOptions::new())).unwrap();
        let told = told.into_iter().next().unwrap().unwrap();
        made.push(told.get("cleanup.policy").unwrap().value.clone().unwrap());
        let record = |i: usize| outgoing(topic, Some(&i.to_string()), &i.to_string());
        let written = written(&log, (0..100).map(record).collect());
        to.push(written.iter().map(|written| written.partition).collect::<Vec<_>>());
    }
    assert_eq!(made, ["compact", "delete"]);
    assert_ne!(to[0], to[1], "each has a partitioner of its own");
    let error = KafkaLog::connect(
        pairs(&[("bootstrap.servers", &servers)]),
        TopicSettings::from([("words".into(), pairs(&[("partitioner", "canary")]))]),
    );
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("`words`") && error.contains("`partitioner`") && !error.contains("canary"),
        "{error}"
    );
    // Both end in time, and take nothing more.
    log.close(Duration::from_secs(10));
    assert_eq!(log.in_flight(), 0);
    assert!(
        [&own, &plain].iter().all(|topic| write(&log, vec![outgoing(topic, None, "x")]).remove(0).is_err())
    );
}

/// Needs no broker: nobody listens there.
#[test]
fn a_broker_that_is_not_there_is_waited_for_until_the_log_is_closed() {
    const CANARY: &str = "canary-4711";
    let log = connect("127.0.0.1:1", &[("sasl.password", CANARY)]);
    let asking = std::thread::spawn({
        let log = log.clone();
        move || log.partitions("t").unwrap_err()
    });
    let (sender, receiver) = std::sync::mpsc::channel();
    let (tell, told) = std::sync::mpsc::channel();
    log.on_stall(Box::new(move |stalls| tell.send(stalls).unwrap()));
    log.produce(outgoing(&"t".into(), None, "x"), Ack::new(move |result| sender.send(result).unwrap()));
    assert!(told.recv_timeout(Duration::from_secs(10)).unwrap());
    std::thread::sleep(Duration::from_secs(2));
    assert!(!asking.is_finished() && receiver.try_recv().is_err());

    let start = Instant::now();
    log.close(Duration::from_secs(1));
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert!(receiver.recv_timeout(Duration::from_secs(3)).unwrap().is_err());
    let error = asking.join().unwrap();
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    let said = format!("{error} {error:?}");
    assert!(said.contains("127.0.0.1:1") && said.contains("refused") && !said.contains(CANARY), "{said}");
}
