//! Planted faults: each is found, or the tests above prove nothing.

use super::exhaustive::{COMMIT, CRASH, CUT, explore, reads_a_topic, sends, takes};
use super::random::{programs, run};
use super::world::{Program, World};
use crate::steps::sync::{Fault, PLANTED};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngSeed, TestRunner};
use std::panic::{AssertUnwindSafe, catch_unwind};

const SEED: u64 = 5;

/// The first random run that finds the fault, of so many.
fn found_by_random(fault: Option<Fault>, ignores_acknowledgements: bool) -> Option<u32> {
    PLANTED.set(fault);
    let config = Config { rng_seed: RngSeed::Fixed(SEED), ..Config::default() };
    let mut runner = TestRunner::new(config);
    let programs = programs();
    let schedules = proptest::collection::vec(0_u8..52, 100..240);
    let found = (0..20_000).find(|run_number| {
        let programs = programs.new_tree(&mut runner).unwrap().current();
        let schedule = schedules.new_tree(&mut runner).unwrap().current();
        let budget = if run_number % 2 == 0 { 0 } else { 1 << 20 };
        let explored = AssertUnwindSafe(|| {
            let mut world = World::new(&programs, 1, budget);
            world.ignores_acknowledgements = ignores_acknowledgements;
            run(&mut world, &schedule);
        });
        catch_unwind(explored).is_err()
    });
    PLANTED.set(None);
    found
}

#[test]
fn planted_faults_are_found() {
    let _one = super::HOOK.lock();
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|info| {
        // What is found is expected; of another thread nothing is kept back.
        if PLANTED.get().is_none() {
            eprintln!("{info}");
        }
    }));
    let faults = [
        Fault::Freshness,
        Fault::Undone,
        Fault::Holds,
        Fault::Saved,
        Fault::InHand,
        Fault::DoneStays,
        Fault::OutsideUncut,
        Fault::OutsideHolds,
        Fault::Room,
        Fault::Overfill,
        Fault::Yields,
        Fault::Epochs,
        Fault::Lags,
        Fault::SeekYields,
    ];
    let found: Vec<_> = faults.iter().map(|fault| (fault, found_by_random(Some(*fault), false))).collect();
    let ignored = found_by_random(None, true);
    std::panic::set_hook(quiet);
    for (fault, run) in found {
        println!(
            "{fault:?} found by run {} of seed {SEED}",
            run.unwrap_or_else(|| panic!("{fault:?} was not found"))
        );
    }
    println!(
        "ignored acknowledgements found by run {}",
        ignored.expect("ignored acknowledgements were not found")
    );
}

fn lane(reads: &[u8], writes: &[u8], holds: bool) -> Program {
    Program { reads: reads.into(), writes: writes.into(), holds, yields: 1, ..Program::default() }
}

/// What random schedules meet too seldom: the row that the second lane wrote has left the memory, and the floor has risen,
/// while the first is in the midst of its step.
fn evicted_meanwhile(first: Program, moves: usize, second: Program) -> World {
    let others = lane(&[3, 4, 5], &[], false);
    let mut world = World::new(&[first, second, others], 1, 0);
    for _ in 0..moves {
        world.advance(0);
    }
    for _ in 0..2 {
        world.advance(1);
    }
    world.take_cut();
    (0..9).for_each(|_| world.collect());
    world.commit();
    world.drain();
    // Reads what is not in memory, so that other rows have to go.
    for _ in 0..6 {
        world.advance(2);
    }
    world
}

/// Whether a run goes well as it is, and fails with the fault.
fn only_fails_with(fault: Fault, run: fn()) -> bool {
    run();
    PLANTED.set(Some(fault));
    let found = catch_unwind(run).is_err();
    PLANTED.set(None);
    found
}

#[test]
fn a_row_that_is_held_is_not_checked_again() {
    assert!(only_fails_with(Fault::HeldIsChecked, || {
        // Reads, writes and holds; then it ends.
        let mut world = evicted_meanwhile(lane(&[0], &[2], true), 3, lane(&[], &[1], false));
        world.advance(0);
        world.drains();
    }));
}

#[test]
fn a_row_that_has_left_the_memory_is_known_to_have_changed() {
    assert!(only_fails_with(Fault::Floor, || {
        // Reads what the other changes.
        let mut world = evicted_meanwhile(lane(&[0], &[2], false), 1, lane(&[], &[0], false));
        for _ in 0..2 {
            world.advance(0);
        }
        world.drains();
    }));
}

/// Whether all interleavings of a small case go well as they are, and one fails with the fault.
fn is_found_exhaustively(fault: Fault, programs: &[Program], moves: &[(u8, usize)]) -> bool {
    explore(programs, 0, moves);
    PLANTED.set(Some(fault));
    let explored = catch_unwind(|| explore(programs, 0, moves));
    PLANTED.set(None);
    explored.is_err()
}

#[test]
fn planted_faults_are_found_exhaustively() {
    let counts = lane(&[0], &[0], false);
    let holder = lane(&[0], &[0], true);
    let outside = Program { outside: true, ..counts.clone() };
    let yields = Program { yields: 2, ..counts.clone() };
    let halves = Program { yields: 2, ..reads_a_topic(None) };
    let seeks = |to| Program { source: None, ..reads_a_topic(Some(to)) };
    // One that is ahead, and one that has done nothing.
    let three = [reads_a_topic(None), seeks(1), reads_a_topic(None)];
    let channel = [sends(0), takes(0)];
    let full = [Program { sends: vec![0, 0, 0], ..sends(0) }, takes(0)];
    let cases: [(Fault, &[Program], &[(u8, usize)]); 11] = [
        (Fault::Freshness, &[counts.clone(), counts.clone()], &[(0, 3), (1, 3)]),
        (Fault::InHand, &channel, &[(0, 2), (1, 1), (CUT, 1), (COMMIT, 1), (CRASH, 1)]),
        (Fault::DoneStays, &channel, &[(0, 2), (1, 2), (CUT, 1), (COMMIT, 1)]),
        (Fault::OutsideUncut, &[counts.clone(), outside.clone()], &[(0, 3), (1, 3), (CUT, 1)]),
        (Fault::OutsideHolds, &[holder, outside], &[(0, 4), (1, 3)]),
        (Fault::Room, &full, &[(0, 2), (1, 2)]),
        (Fault::Overfill, &full, &[(0, 4), (1, 2)]),
        (Fault::Epochs, &[reads_a_topic(None), reads_a_topic(Some(0))], &[(0, 3), (1, 3)]),
        (Fault::Lags, &three, &[(0, 6), (1, 3)]),
        (Fault::SeekYields, &[halves, seeks(0)], &[(0, 4), (1, 3)]),
        (Fault::Yields, &[yields], &[(0, 3), (CUT, 1), (COMMIT, 1)]),
    ];
    for (fault, programs, moves) in cases {
        assert!(is_found_exhaustively(fault, programs, moves), "{fault:?} was not found");
    }
}
