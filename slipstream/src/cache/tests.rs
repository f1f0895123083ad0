//! A cache beside an ordered map, through commits and reopenings.

mod bounded;
mod crashes;

use crate::error::Result;
use crate::prelude::*;
use proptest::prelude::{Just, Strategy, prop_oneof};
use std::collections::BTreeMap;
use std::path::Path;

type Name = (String, u8);
type Model = BTreeMap<Name, u32>;

static MODELLED: Cache<Name, u32> = Cache::new("modelled");
static COPY: Cache<Name, u32> = Cache::new("copy");

#[derive(Clone, Debug)]
enum Op {
    Put(Name, u32),
    Delete(Name),
    Update(Name),
    Get(Name),
    Range(Name, Name, bool),
    From(Name, bool),
    Prefix(String),
    DeleteRange(Name, Name),
    Snapshot,
    Look,
    Copy,
    Flush,
    Reopen,
}

fn name() -> impl Strategy<Value = Name> {
    ("[ab\0]{0,2}", 0..3_u8)
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (name(), 0..100_u32).prop_map(|(name, n)| Op::Put(name, n)),
        3 => name().prop_map(Op::Delete),
        4 => name().prop_map(Op::Update),
        4 => name().prop_map(Op::Get),
        3 => (name(), name(), 0..2).prop_map(|(a, b, rev)| Op::Range(a.clone().min(b.clone()), a.max(b), rev == 1)),
        2 => (name(), 0..2).prop_map(|(name, rev)| Op::From(name, rev == 1)),
        2 => "[ab\0]{0,2}".prop_map(Op::Prefix),
        1 => (name(), name()).prop_map(|(a, b)| Op::DeleteRange(a.clone().min(b.clone()), a.max(b))),
        2 => Just(Op::Snapshot),
        2 => Just(Op::Look),
        1 => Just(Op::Copy),
        3 => Just(Op::Flush),
        1 => Just(Op::Reopen),
    ]
}

async fn open(dir: &Path) -> Result<Running> {
    let config = Config::new().set("app.id", "model").set("state.dir", dir.display().to_string());
    // Cuts at any place between two operations.
    App::new().config(config.set("commit.interval.ms", "1")).start_idle().await
}

fn pairs<'a>(rows: impl IntoIterator<Item = (&'a Name, &'a u32)>) -> Vec<(Name, u32)> {
    rows.into_iter().map(|(name, n)| (name.clone(), *n)).collect()
}

fn is_same(snapshot: &crate::Snapshot<'_, Name, u32>, model: &Model) -> Result<()> {
    assert_eq!(snapshot.iter().collect::<Result<Vec<_>>>()?, pairs(model));
    let reversed = snapshot.iter().rev().collect::<Result<Vec<_>>>()?;
    assert_eq!(reversed, pairs(model.iter().rev()));
    for (name, n) in model {
        assert_eq!(snapshot.get(name)?, Some(*n));
        let same = model.iter().filter(|(other, _)| other.0 == name.0);
        assert_eq!(snapshot.prefix(name.0.as_str()).collect::<Result<Vec<_>>>()?, pairs(same));
        let (from, to) = (name.clone(), ("b".to_owned(), 1));
        assert_eq!(snapshot.range(from..).count(), model.range(name..).count());
        assert_eq!(snapshot.range(to.clone()..=to.clone()).count(), usize::from(model.contains_key(&to)));
    }
    assert_eq!(snapshot.get(&("c".to_owned(), 0))?, None);
    Ok(())
}

async fn lives(dir: &Path, ops: Vec<Op>) -> Result<()> {
    let mut running = open(dir).await?;
    let (mut model, mut snapshots) = (Model::new(), Vec::new());
    for op in ops {
        match op {
            Op::Flush => running.flush().await?,
            Op::Reopen => {
                snapshots.clear();
                running.stop().await?;
                drop(running);
                running = open(dir).await?;
            }
            Op::Copy => {
                let mut text = Vec::new();
                running.enter(|| COPY.delete_range::<Name>(..))?;
                assert_eq!(running.enter(|| MODELLED.export(&mut text))?, model.len() as u64);
                assert_eq!(running.scope(COPY.import(&text[..])).await?, model.len() as u64);
                let copied = running.enter(|| COPY.iter().collect::<Result<Vec<_>>>())?;
                assert_eq!(copied, pairs(&model));
            }
            op => running.enter(|| done(op, &mut model, &mut snapshots))?,
        }
        tokio::task::yield_now().await;
    }
    running.enter(|| done(Op::Look, &mut model, &mut snapshots))?;
    running.flush().await?;
    assert!(running.verify().await? >= model.len() as u64);
    drop(snapshots);
    running.stop().await
}

fn done(
    op: Op,
    model: &mut Model,
    snapshots: &mut Vec<(crate::Snapshot<'static, Name, u32>, Model)>,
) -> Result<()> {
    match op {
        Op::Put(name, n) => {
            MODELLED.put(&name, &n)?;
            model.insert(name, n);
        }
        Op::Delete(name) => {
            MODELLED.delete(&name)?;
            model.remove(&name);
        }
        Op::Update(name) => {
            let n = MODELLED.update(&name, |n| n.unwrap_or(0) + 1)?;
            let kept = model.entry(name).or_insert(0);
            *kept += 1;
            assert_eq!(n, *kept);
        }
        Op::Get(name) => {
            assert_eq!(MODELLED.get(&name)?, model.get(&name).copied());
            assert_eq!(MODELLED.contains(&name)?, model.contains_key(&name));
        }
        Op::Range(from, to, reverse) => {
            let (range, mut expected) =
                (MODELLED.range(from.clone()..to.clone()), pairs(model.range(from..to)));
            let range = if reverse { range.rev() } else { range };
            if reverse {
                expected.reverse();
            }
            assert_eq!(range.collect::<Result<Vec<_>>>()?, expected);
        }
        Op::From(name, true) => {
            let found = MODELLED.iter().rev().from(&name).collect::<Result<Vec<_>>>()?;
            assert_eq!(found, pairs(model.range(..=name).rev()));
        }
        Op::From(name, false) => {
            let found = MODELLED.keys().from(&name).collect::<Result<Vec<_>>>()?;
            assert_eq!(found, model.range(name..).map(|(name, _)| name.clone()).collect::<Vec<_>>());
        }
        Op::Prefix(first) => {
            let found = MODELLED.prefix(first.as_str()).collect::<Result<Vec<_>>>()?;
            assert_eq!(found, pairs(model.iter().filter(|(name, _)| name.0 == first)));
        }
        Op::DeleteRange(from, to) => {
            MODELLED.delete_range(from.clone()..to.clone())?;
            model.retain(|name, _| *name < from || *name >= to);
        }
        Op::Snapshot => snapshots.push((MODELLED.snapshot()?, model.clone())),
        Op::Look => {
            assert_eq!(
                MODELLED.values().collect::<Result<Vec<_>>>()?,
                model.values().copied().collect::<Vec<_>>()
            );
            for (snapshot, then) in snapshots.iter() {
                is_same(snapshot, then)?;
            }
        }
        Op::Copy | Op::Flush | Op::Reopen => {}
    }
    Ok(())
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(60))]
    #[test]
    fn a_cache_is_an_ordered_map_that_survives(ops in proptest::collection::vec(op(), 1..120)) {
        let home = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(lives(home.path(), ops)).unwrap();
    }
}
