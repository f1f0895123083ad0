//! A cache with bounds beside an ordered map with times, through commits, reopenings, and changes of the bounds.

use super::crashes::is_whole;
use crate::cache::stamp::Micros;
use crate::codec::{Codec as _, MessagePack};
use crate::error::Result;
use crate::keys::Key as _;
use crate::prelude::*;
use crate::testing::stopped_clock;
use proptest::prelude::{Just, Strategy, prop_oneof};
use std::collections::BTreeMap;
use std::path::Path;

type Name = (String, u8);
type Bounded = Cache<Name, String>;

const MINUTES: u64 = 10;
const BYTES: u64 = 200;

/// One cache, as programs of four versions name it.
static VERSIONS: [Bounded; 4] = [
    Cache::new("bounded"),
    Cache::new("bounded").ttl(mins(MINUTES)),
    Cache::new("bounded").max_bytes(BYTES),
    Cache::new("bounded").max_bytes(BYTES).ttl(mins(MINUTES)),
];

#[derive(Clone, Debug)]
enum Op {
    Put(Name, usize),
    Publish(Name, usize),
    Update(Name),
    Delete(Name),
    DeleteRange(Name, Name),
    Import,
    Snapshot,
    Advance(u64),
    Flush,
    Reopen(usize),
}

fn name() -> impl Strategy<Value = Name> {
    ("[ab]{0,2}", 0..3_u8)
}

/// Mostly small, so that several fit; some that are larger than all may be.
fn size() -> impl Strategy<Value = usize> {
    prop_oneof![9 => 0..60_usize, 1 => 190..210_usize]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (name(), size()).prop_map(|(name, size)| Op::Put(name, size)),
        2 => (name(), size()).prop_map(|(name, size)| Op::Publish(name, size)),
        3 => name().prop_map(Op::Update),
        2 => name().prop_map(Op::Delete),
        1 => (name(), name()).prop_map(|(a, b)| Op::DeleteRange(a.clone().min(b.clone()), a.max(b))),
        1 => Just(Op::Import),
        1 => Just(Op::Snapshot),
        5 => (1..2 * MINUTES).prop_map(Op::Advance),
        2 => Just(Op::Flush),
        2 => (0..VERSIONS.len()).prop_map(Op::Reopen),
    ]
}

/// What should be there.
#[derive(Clone, Default)]
struct Model {
    version: usize,
    entries: BTreeMap<Name, (String, Option<Micros>)>,
    expired: u64,
    over_max_bytes: u64,
}

fn bytes(name: &Name, value: &String) -> u64 {
    let mut key = Vec::new();
    name.encode(&mut key);
    (key.len() + MessagePack::encode(value).unwrap().len()) as u64
}

impl Model {
    fn has_ttl(&self) -> bool {
        self.version & 1 != 0
    }

    fn has_size(&self) -> bool {
        self.version & 2 != 0
    }

    fn has_expired(&self, written: Option<Micros>, now: Micros) -> bool {
        self.has_ttl() && written.is_some_and(|written| written + MINUTES * 60_000_000 <= now)
    }

    /// What can be seen.
    fn seen(&self, now: Micros) -> Vec<(Name, String)> {
        let live = self.entries.iter().filter(|(_, (_, written))| !self.has_expired(*written, now));
        live.map(|(name, (value, _))| (name.clone(), value.clone())).collect()
    }

    fn write(&mut self, name: Name, value: String, now: Micros) {
        if self.has_size() && bytes(&name, &value) > BYTES {
            self.entries.remove(&name);
            self.over_max_bytes += 1;
        } else {
            self.entries.insert(name, (value, (self.version > 0).then_some(now)));
        }
    }

    /// A program of this version begins.
    fn begin(&mut self, version: usize, now: Micros) {
        *self = Model { version, entries: std::mem::take(&mut self.entries), ..Model::default() };
        if version > 0 {
            self.entries.values_mut().for_each(|(_, written)| *written = written.or(Some(now)));
        }
    }

    /// What the evictor does.
    fn settle(&mut self, now: Micros) {
        let before = self.entries.len();
        let live = self.seen(now);
        self.entries.retain(|name, _| live.iter().any(|(live, _)| live == name));
        self.expired += (before - self.entries.len()) as u64;
        let size =
            |model: &Self| -> u64 { model.entries.iter().map(|(name, (value, _))| bytes(name, value)).sum() };
        while self.has_size() && size(self) > BYTES {
            let oldest = self.entries.iter().min_by_key(|(name, (_, written))| (*written, (*name).clone()));
            let oldest = oldest.unwrap().0.clone();
            self.entries.remove(&oldest);
            self.over_max_bytes += 1;
        }
    }
}

struct Life {
    running: Running,
    clock: crate::Clock,
    model: Model,
    cache: &'static Bounded,
    snapshots: Vec<(crate::Snapshot<'static, Name, String>, Vec<(Name, String)>)>,
}

impl Life {
    async fn begin(dir: &Path, clock: crate::Clock, mut model: Model, version: usize) -> Result<Self> {
        let config = Config::new().set("app.id", "model").set("state.dir", dir.display().to_string());
        let running = App::new().config(config).clock(clock.clone()).start_idle().await?;
        model.begin(version, micros(&clock));
        let life = Life { running, clock, model, cache: &VERSIONS[version], snapshots: Vec::new() };
        life.looks()?; // also before anything was made of the entries of the version before
        Ok(life)
    }

    /// What can be seen is what the model says, whether the evictor has come by or not.
    fn looks(&self) -> Result<()> {
        let (seen, cache) = (self.model.seen(micros(&self.clock)), self.cache);
        self.running.enter(|| {
            assert_eq!(cache.iter().collect::<Result<Vec<_>>>()?, seen);
            assert_eq!(cache.keys().rev().count(), seen.len());
            for name in self.model.entries.keys() {
                let expected = seen.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
                assert_eq!(cache.contains(name)?, expected.is_some());
                assert_eq!(cache.get(name)?, expected);
            }
            for (snapshot, then) in &self.snapshots {
                assert_eq!(&snapshot.iter().collect::<Result<Vec<_>>>()?, then);
                assert_eq!(snapshot.get(&("c".to_owned(), 0))?, None);
            }
            Ok(())
        })
    }

    /// Waits until the evictor has nothing to do.
    async fn settles(&mut self) -> Result<()> {
        let now = micros(&self.clock);
        self.model.settle(now);
        let is_settled = || {
            let whole = is_whole(self.cache);
            whole && self.cache.iter().count() == self.model.entries.len() && {
                let evicted = self.cache.evicted().unwrap();
                let counts = (evicted.expired, evicted.over_max_bytes);
                counts == (self.model.expired, self.model.over_max_bytes)
            }
        };
        for tries in 0.. {
            if self.running.enter(is_settled) {
                break;
            }
            if tries > 2000 {
                let evicted = self.running.enter(|| self.cache.evicted())?;
                panic!("{evicted:?}, not {} {}", self.model.expired, self.model.over_max_bytes);
            }
            tokio::time::sleep(Duration::from_micros(100)).await;
        }
        self.looks()
    }

    async fn does(mut self, op: Op, dir: &Path) -> Result<Self> {
        let now = micros(&self.clock);
        let cache = self.cache;
        match op {
            Op::Put(name, size) => {
                self.running.enter(|| cache.put(&name, &"x".repeat(size)))?;
                self.model.write(name, "x".repeat(size), now);
            }
            Op::Publish(name, size) => {
                self.running.enter(|| cache.publish(&name, &"y".repeat(size)))?;
                self.model.write(name, "y".repeat(size), now);
            }
            Op::Update(name) => {
                let made = self.running.enter(|| cache.update(&name, |old| old.unwrap_or_default() + "z"))?;
                let old = self.model.seen(now).into_iter().find(|(other, _)| *other == name);
                assert_eq!(made, old.map(|(_, value)| value).unwrap_or_default() + "z");
                self.model.write(name, made, now);
            }
            Op::Delete(name) => {
                self.running.enter(|| cache.delete(&name))?;
                self.model.entries.remove(&name);
            }
            Op::DeleteRange(from, to) => {
                self.running.enter(|| cache.delete_range(from.clone()..to.clone()))?;
                self.model.entries.retain(|name, _| *name < from || *name >= to);
            }
            Op::Import => {
                let mut text = Vec::new();
                let seen = self.model.seen(now);
                assert_eq!(self.running.enter(|| cache.export(&mut text))?, seen.len() as u64);
                self.running.scope(cache.import(&text[..])).await?;
                seen.into_iter().for_each(|(name, value)| self.model.write(name, value, now));
            }
            Op::Snapshot => {
                let snapshot = self.running.enter(|| cache.snapshot())?;
                self.snapshots.push((snapshot, self.model.seen(now)));
            }
            Op::Advance(minutes) => self.clock.advance(mins(minutes)),
            Op::Flush => self.running.flush().await?,
            Op::Reopen(version) => {
                self.snapshots.clear();
                self.running.stop().await?;
                let Life { running, clock, model, .. } = self;
                drop(running);
                self = Life::begin(dir, clock, model, version).await?;
            }
        }
        self.looks()?;
        self.settles().await?;
        Ok(self)
    }
}

fn micros(clock: &crate::Clock) -> Micros {
    crate::cache::stamp::now(clock)
}

async fn lives(dir: &Path, ops: Vec<Op>) -> Result<()> {
    let mut life = Life::begin(dir, stopped_clock(), Model::default(), 3).await?;
    for op in ops {
        life = life.does(op, dir).await?;
    }
    life.snapshots.clear();
    life.running.stop().await
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(40))]
    #[test]
    fn a_cache_with_bounds_is_a_map_with_times_that_survives(ops in proptest::collection::vec(op(), 1..80)) {
        let home = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(lives(home.path(), ops)).unwrap();
    }
}
