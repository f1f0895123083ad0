//! What only the log in memory promises: determinism, one reader in a group, and clients side by side.

use super::super::conformance::harness::*;
use super::*;
use crate::log::Origin;
use bytes::Bytes;

fn log(memory: &MemoryLog) -> Arc<dyn Log> {
    Arc::new(memory.clone())
}

fn subscribe(log: &Arc<dyn Log>, group: &str, topic: &Arc<str>) -> Result<Reading> {
    let (subscription, reading) = subscription(topic, Origin::Earliest, |_| None, 1);
    log.subscribe(group, vec![subscription]).map(|()| reading)
}

async fn next(reading: &mut Reading) -> Delivery {
    tokio::time::timeout(Duration::from_secs(20), reading.receiver.recv()).await.unwrap().unwrap()
}

#[tokio::test]
async fn records_come_in_the_order_of_their_arrival() {
    let memory = MemoryLog::new(3);
    let (log, topic) = (log(&memory), name("arrival"));
    written(&log, (0..600).map(|i| outgoing(&topic, (i % 2 == 0).then_some("k"), &i.to_string())).collect());
    let mut reading = subscribe(&log, "g", &topic).unwrap();
    assert!(matches!(next(&mut reading).await, Delivery::Assigned(all) if all == [0, 1, 2]));
    let mut sizes = Vec::new();
    while sizes.len() < 3 {
        if let Delivery::Records(records) = next(&mut reading).await {
            sizes.push(records.len());
            reading.records.extend(records);
        }
    }
    assert_eq!(sizes, [256, 256, 88]);
    assert_eq!(reading.values(), (0..600).map(|i| i.to_string()).collect::<Vec<_>>());
    let contents = memory.contents(&topic);
    assert_eq!(contents.len(), 600);
    assert_eq!(contents[7].value, Some(Bytes::from_static(b"7")));
    assert!(memory.contents("no such topic").is_empty());
}

#[test]
fn records_without_a_key_go_round() {
    let memory = MemoryLog::new(3);
    let (log, topic) = (log(&memory), name("round"));
    let to = written(&log, (0..7).map(|_| outgoing(&topic, None, "")).collect());
    assert_eq!(to.iter().map(|to| to.partition).collect::<Vec<_>>(), [0, 1, 2, 0, 1, 2, 0]);
}

#[tokio::test]
async fn a_group_has_one_reader_of_a_topic() {
    let memory = MemoryLog::new(1);
    let (topic, other) = (name("one"), name("other"));
    let first = log(&memory);
    let reading = subscribe(&first, "g", &topic).unwrap();
    for client in [&log(&memory), &first] {
        let error = subscribe(client, "g", &topic).err().unwrap().to_string();
        assert!(error.contains("`g`") && error.contains(&*topic), "{error}");
        subscribe(client, "another", &topic).unwrap();
        client.close(Duration::ZERO);
    }
    // It ended with its client.
    drop(reading);
    let second = log(&memory);
    let reading = subscribe(&second, "g", &topic).unwrap();
    subscribe(&second, "g", &other).unwrap();
    // It ends when nobody listens.
    drop(reading);
    let third = log(&memory);
    let mut tries = 0;
    while subscribe(&third, "g", &topic).is_err() {
        tries += 1;
        assert!(tries < 1000, "still read");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // It ends with the log that was dropped.
    drop(third);
    subscribe(&log(&memory), "g", &topic).unwrap();
}

#[tokio::test]
async fn the_last_commit_may_come_after_the_reader() {
    let memory = MemoryLog::new(1);
    let (first, topic) = (log(&memory), name("last"));
    written(&first, (0..5).map(|i| outgoing(&topic, None, &i.to_string())).collect());
    drop(subscribe(&first, "g", &topic).unwrap());
    tokio::time::sleep(Duration::from_millis(20)).await;
    first.commit(&[GroupOffset { topic: topic.clone(), partition: 0, offset: 3, by: None }]);
    first.close(Duration::ZERO);
    let second = log(&memory);
    let mut reading = subscribe(&second, "g", &topic).unwrap();
    assert!(matches!(next(&mut reading).await, Delivery::Assigned(_)));
    assert!(matches!(next(&mut reading).await, Delivery::Records(records) if records[0].offset == 3));
}

#[test]
fn reading_needs_a_runtime() {
    let error = subscribe(&log(&MemoryLog::new(1)), "g", &name("none")).err().unwrap();
    assert!(error.to_string().contains("runtime"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_append_is_missed() {
    let memory = MemoryLog::new(2);
    let (log, topic, count) = (log(&memory), name("missed"), 30_000);
    let mut reading = subscribe(&log, "g", &topic).unwrap();
    let writers: Vec<_> = (0..2)
        .map(|_| {
            let (log, topic) = (log.clone(), topic.clone());
            std::thread::spawn(move || {
                for i in 0..count / 2 {
                    log.produce(outgoing(&topic, None, ""), Ack::new(|result| assert!(result.is_ok())));
                    if i % 64 == 0 {
                        std::thread::yield_now();
                    }
                }
            })
        })
        .collect();
    let mut ends = [-1; 2];
    while reading.records.len() < count || ends.iter().sum::<i64>() < count as i64 {
        match next(&mut reading).await {
            Delivery::Records(records) => reading.records.extend(records),
            Delivery::End { partition, offset, .. } => {
                let before = std::mem::replace(&mut ends[partition as usize], offset);
                assert!(before < offset, "an end is told once");
            }
            _ => {}
        }
    }
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    reading.assert_in_order(&Default::default());
}
