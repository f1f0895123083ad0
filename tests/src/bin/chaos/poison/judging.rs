//! The oracle. It reads both topics without the library: what is poison in the one must be in the other, byte by byte, and
//! all else must be in the cache, counted once.

use super::filling::{KIND, NUMBER};
use super::kinds::KINDS;
use super::reading::{COUNTS, reader};
use super::{Place, Reading};
use crate::say;
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use slipstream::prelude::*;
use slipstream_tests::raw;
use std::collections::{BTreeMap, BTreeSet};

/// A record as it lies in the topic.
#[derive(PartialEq)]
struct Found {
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Found {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().rfind(|(found, _)| found == name);
        found.and_then(|(_, value)| std::str::from_utf8(value.as_deref()?).ok()).unwrap_or_default()
    }
}

/// Prints how much was poison and how many letters there are; how many are `missing`, `repeated`, `invented` or `altered`, or
/// say something `wrong` in their headers; and how many rows of the cache are `miscounted`.
pub(super) async fn run(place: &Place<'_>, dir: &str) -> Result<()> {
    let mut poison: BTreeMap<String, Found> = BTreeMap::new();
    let mut counts: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    read(place, place.topic, |record, origin| {
        if record.header(KIND) != "good" {
            poison.insert(origin, record);
            return Ok(());
        }
        let reading: Reading = serde_json::from_slice(record.value.as_deref().unwrap_or_default())?;
        let key = record.key.as_deref().unwrap_or_default().try_into()?;
        let (count, sum) = counts.entry(u64::from_be_bytes(key)).or_default();
        (*count, *sum) = (*count + 1, *sum + reading.n);
        Ok(())
    })?;
    let (mut letters, mut repeated, mut invented, mut altered, mut wrong) = (0, 0, 0, 0, 0);
    let mut buried = BTreeSet::new();
    read(place, &place.dead(), |mut letter, _| {
        letters += 1;
        let origin = letter.header("slipstream-origin").to_owned();
        let Some(original) = poison.get(&origin) else {
            invented += 1;
            return Ok(());
        };
        repeated += u64::from(!buried.insert(origin));
        wrong += u64::from(!is_well_told(original, &letter));
        letter.headers.retain(|(name, _)| !name.starts_with("slipstream-"));
        altered += u64::from(letter != *original);
        Ok(())
    })?;
    let kinds: BTreeSet<&str> = poison.values().map(|record| record.header(KIND)).collect();
    let rows = {
        let running = reader(place, dir).start_idle().await?;
        running.enter(|| COUNTS.iter().collect::<Result<BTreeMap<_, _>>>())?
    };
    let keys: BTreeSet<_> = counts.keys().chain(rows.keys()).collect();
    let miscounted = keys.into_iter().filter(|key| counts.get(key) != rows.get(key)).count();
    say(&format!(
        "good {} poison {} kinds {} letters {letters} missing {} repeated {repeated} invented {invented} altered {altered} \
         wrong {wrong} miscounted {miscounted}",
        counts.values().map(|(count, _)| count).sum::<u64>(),
        poison.len(),
        kinds.len(),
        poison.len() - buried.len()
    ));
    Ok(())
}

/// Whether the letter says what is wrong with this record, at which stage, and in which handler.
fn is_well_told(original: &Found, letter: &Found) -> bool {
    let kind = KINDS.iter().find(|kind| kind.name == original.header(KIND));
    let told = kind.is_some_and(|kind| {
        letter.header("slipstream-error").contains(kind.error)
            && letter.header("slipstream-stage") == kind.stage
            && letter.header("slipstream-handler") == "count"
    });
    if !told {
        let n = original.header(NUMBER);
        say(&format!("{} ({n}): {:?}", original.header(KIND), letter.header("slipstream-error")));
    }
    told
}

/// Reads a topic to where it ends now; each record with its origin, as a letter has it.
fn read(place: &Place<'_>, topic: &str, mut take: impl FnMut(Found, String) -> Result<()>) -> Result<()> {
    let (consumer, mut left) = raw::whole(place.servers, topic)?;
    while left > 0 {
        let record = consumer
            .poll(secs(30))
            .ok_or_else(|| Error::msg(format!("`{topic}` is not read to its end")))??;
        let origin = format!("`readings` partition {} offset {}", record.partition(), record.offset());
        take(found(&record), origin)?;
        left -= 1;
    }
    Ok(())
}

fn found(record: &BorrowedMessage<'_>) -> Found {
    let owned = |bytes: &[u8]| bytes.to_vec();
    let headers = record.headers().map_or_else(Vec::new, |headers| {
        headers.iter().map(|header| (header.key.to_owned(), header.value.map(owned))).collect()
    });
    Found { key: record.key().map(owned), value: record.payload().map(owned), headers }
}
