//! Random programs under random schedules.

use super::world::{Counts, Program, World};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Mutex;

const KEYS: u8 = 4;

fn keys(many: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(0..KEYS, many)
}

fn program() -> impl Strategy<Value = Program> {
    let flags = (any::<bool>(), 0..5_u8, 0..3_usize, 0..6_u8, 1..4_u32);
    (keys(0..3), keys(1..3), flags, 0..8_u8, (0..2_u8, 0..12_u8, 0..6_i64)).prop_map(
        |(reads, writes, (holds, deletes, outputs, outside, yields), channel, (source, seeks, to))| {
            let outside = outside == 0;
            let takes = (!outside).then_some(channel).filter(|channel| *channel < 2);
            let sends = match channel {
                0 | 5 => vec![1], // 0 takes from the first queue and sends to the second
                2 | 3 => vec![0],
                4 => vec![0, 1, 1], // several at once
                _ => Vec::new(),
            };
            // A channel has a position of its own, and is no source that could be sought.
            let source = (takes.is_none() && !outside).then_some(source);
            let seeks = (seeks < 2).then_some((seeks, to));
            let (deletes, undoes) = (deletes == 0, outputs == 1);
            Program {
                reads,
                writes,
                undoes,
                deletes,
                holds,
                outputs,
                outside,
                yields,
                takes,
                sends,
                source,
                seeks,
            }
        },
    )
}

/// Programs of which some send to others; what nobody takes is not sent.
pub(super) fn programs() -> impl Strategy<Value = Vec<Program>> {
    proptest::collection::vec(program(), 2..5).prop_map(|mut programs| {
        let taken: Vec<u8> = programs.iter().filter_map(|program| program.takes).collect();
        programs.iter_mut().for_each(|program| program.sends.retain(|queue| taken.contains(queue)));
        programs
    })
}

pub(super) fn run(world: &mut World, schedule: &[u8]) {
    let actors = world.actors.len();
    for choice in schedule {
        match choice {
            0 | 1 => world.take_cut(),
            2..=7 => world.collect(),
            8 => world.commit(),
            9 => {
                world.commit();
                world.drain();
            }
            10 => world.crash(),
            11 => world.go_back(),
            12 => world.fail(0),
            13 => world.scan(),
            14..=17 => world.acknowledge(),
            18..=20 => world.drain(),
            other => drop(world.advance(*other as usize % actors)),
        }
    }
    world.drains();
}

static MET: Mutex<Counts> = Mutex::new(Counts {
    steps: 0,
    conflicts: 0,
    blocked: 0,
    blocked_outside: 0,
    waited: 0,
    seeks: 0,
    superseded: 0,
    commits: 0,
    crashes: 0,
    went_back: 0,
});

/// Another one each time, unless it is given.
fn seed() -> u64 {
    static SEED: std::sync::OnceLock<u64> = std::sync::OnceLock::new();
    *SEED.get_or_init(|| {
        let given = std::env::var("SLIPSTREAM_STEPS_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| RandomState::new().hash_one(0));
        println!("SLIPSTREAM_STEPS_SEED={seed}");
        seed
    })
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(seed()), ..ProptestConfig::with_cases(4000) })]
    fn explored(
        programs in programs(),
        schedule in proptest::collection::vec(0_u8..52, 0..240),
        // Without room for anything that need not be kept, or with.
        budget in prop_oneof![Just(0_usize), Just(1 << 20)],
        shards in prop_oneof![Just(1_usize), Just(4)],
    ) {
        let mut world = World::new(&programs, shards, budget);
        run(&mut world, &schedule);
        let mut met = MET.lock().unwrap();
        met.steps += world.counts.steps;
        met.conflicts += world.counts.conflicts;
        met.blocked += world.counts.blocked;
        met.blocked_outside += world.counts.blocked_outside;
        met.seeks += world.counts.seeks;
        met.superseded += world.counts.superseded;
        met.waited += world.counts.waited;
        met.commits += world.counts.commits;
        met.crashes += world.counts.crashes;
        met.went_back += world.counts.went_back;
    }
}

#[test]
fn steps_are_serial_and_commits_hold_whole_steps() {
    explored();
    let met = *MET.lock().unwrap();
    println!("met {met:?}");
    let all = [
        met.conflicts,
        met.blocked,
        met.blocked_outside,
        met.waited,
        met.seeks,
        met.superseded,
        met.commits,
        met.crashes,
        met.went_back,
    ];
    assert!(all.iter().all(|count| *count > 500), "the schedules must meet enough of each: {met:?}");
}
