//! Random programs under random schedules.

use super::world::{Counts, Program, World};
use proptest::prelude::*;
use std::sync::Mutex;

const KEYS: u8 = 4;

fn keys(many: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(0..KEYS, many)
}

pub(super) fn program() -> impl Strategy<Value = Program> {
    let flags = (any::<bool>(), 0..5_u8, 0..3_usize, 0..6_u8, 1..4_u32);
    (keys(0..3), keys(1..3), flags).prop_map(|(reads, writes, (holds, deletes, outputs, outside, yields))| {
        Program { reads, writes, deletes: deletes == 0, holds, outputs, outside: outside == 0, yields }
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

static MET: Mutex<Counts> =
    Mutex::new(Counts { steps: 0, conflicts: 0, blocked: 0, commits: 0, crashes: 0, went_back: 0 });

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]
    fn explored(
        programs in proptest::collection::vec(program(), 2..5),
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
    let all = [met.conflicts, met.blocked, met.commits, met.crashes, met.went_back];
    assert!(all.iter().all(|count| *count > 500), "the schedules must meet enough of each: {met:?}");
}
