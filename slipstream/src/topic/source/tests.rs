//! A batch that is dropped on its way through the source shows in the ledger.

use super::Records;
use crate::codec::Json;
use crate::ledger::Ledger;
use crate::log::{Delivery, Incoming};
use futures_util::StreamExt as _;
use hashbrown::HashMap;
use std::marker::PhantomData;

fn record(offset: i64) -> Incoming {
    let (key, value) = (Some(b"k"[..].into()), Some(b"1"[..].into()));
    Incoming { partition: 0, offset, key, value, headers: Vec::new(), timestamp: None, epoch: 0 }
}

#[tokio::test]
async fn a_batch_that_is_dropped_is_found() {
    let ledger = Ledger::default();
    let (deliver, deliveries) = tokio::sync::mpsc::channel(4);
    let mut records: Records<String, u32, Json> = Records {
        deliveries,
        batch: Vec::new().into_iter(),
        next: HashMap::new(),
        assigned: tokio::sync::watch::channel(None).0,
        until: None,
        ends: None,
        codec: None,
        wait: None,
        counts: ledger.received("words"),
        app: std::sync::Weak::new(),
        name: "words".into(),
        types: PhantomData,
    };
    deliver.send(Delivery::Records((0..3).map(record).collect())).await.unwrap();
    deliver.send(Delivery::Records((3..6).map(record).collect())).await.unwrap();
    assert!(records.next().await.is_some());
    ledger.report().conserved().unwrap();
    records.batch = Vec::new().into_iter(); // the leak
    assert!(records.next().await.is_some());
    let broken = ledger.report().conserved().unwrap_err();
    assert!(broken.contains("received: 6") && broken.contains("accounts for 4"), "{broken}");
}
