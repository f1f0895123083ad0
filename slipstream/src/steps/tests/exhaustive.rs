//! All interleavings of small cases: two lanes, and a cut, its commit, a crash or a going back somewhere in between.

use super::world::{Counts, Program, World};

/// All ways to spread these moves over a schedule, each kind in its own order.
fn schedules(moves: &[(u8, usize)], run: &mut impl FnMut(&[u8])) {
    fn go(left: &mut Vec<(u8, usize)>, so_far: &mut Vec<u8>, run: &mut impl FnMut(&[u8])) {
        let mut ended = true;
        for at in 0..left.len() {
            if left[at].1 == 0 {
                continue;
            }
            ended = false;
            left[at].1 -= 1;
            so_far.push(left[at].0);
            go(left, so_far, run);
            so_far.pop();
            left[at].1 += 1;
        }
        if ended {
            run(so_far);
        }
    }
    go(&mut moves.to_vec(), &mut Vec::new(), run);
}

pub(super) const CUT: u8 = 100;
const COLLECT: u8 = 101;
pub(super) const COMMIT: u8 = 102;
pub(super) const CRASH: u8 = 103;
const BACK: u8 = 104;
const ACKNOWLEDGE: u8 = 105;
const FAIL: u8 = 106;

/// Runs all schedules; returns how many, and what they met.
pub(super) fn explore(programs: &[Program], budget: usize, moves: &[(u8, usize)]) -> (u64, Counts) {
    let (mut many, mut met) = (0, Counts::default());
    schedules(moves, &mut |schedule| {
        let mut world = World::new(programs, 1, budget);
        for choice in schedule {
            match *choice {
                CUT => world.take_cut(),
                COLLECT => world.collect(),
                COMMIT => {
                    world.collect_all();
                    world.commit();
                    world.drain();
                }
                CRASH => world.crash(),
                BACK => world.go_back(),
                ACKNOWLEDGE => world.acknowledge(),
                FAIL => world.fail(0),
                actor => drop(world.advance(actor as usize)),
            }
        }
        world.drains();
        many += 1;
        met.conflicts += world.counts.conflicts;
        met.blocked += world.counts.blocked;
        met.blocked_outside += world.counts.blocked_outside;
        met.waited += world.counts.waited;
        met.seeks += world.counts.seeks;
        met.superseded += world.counts.superseded;
        met.commits += world.counts.commits;
    });
    (many, met)
}

fn counts(key: u8) -> Program {
    Program { reads: vec![key], writes: vec![key], yields: 1, ..Program::default() }
}

#[test]
fn two_lanes_on_one_key() {
    for budget in [0, 1 << 20] {
        let (many, met) = explore(&[counts(0), counts(0)], budget, &[(0, 6), (1, 6)]);
        assert_eq!(many, 924);
        assert!(met.conflicts > 500, "{met:?}");
    }
}

#[test]
fn a_commit_among_two_lanes() {
    let moves = [(0, 4), (1, 3), (CUT, 1), (COLLECT, 1), (COMMIT, 1)];
    let (many, met) = explore(&[counts(0), counts(0)], 0, &moves);
    assert!(many > 10_000, "{many}");
    assert!(met.commits > many, "{met:?}");
}

#[test]
fn write_skew_does_not_happen() {
    for holds in [false, true] {
        let lane = |writes| Program {
            reads: vec![0, 1],
            writes: vec![writes],
            holds,
            yields: 1,
            ..Program::default()
        };
        let (_, met) = explore(&[lane(0), lane(1)], 0, &[(0, 7), (1, 7)]);
        assert!(met.conflicts > 500, "{met:?}");
    }
}

#[test]
fn holders_that_meet_do_not_wait_for_each_other() {
    let lane = |reads: [u8; 1], writes: [u8; 1]| Program {
        reads: reads.into(),
        writes: writes.into(),
        holds: true,
        yields: 1,
        ..Program::default()
    };
    let (_, met) = explore(&[lane([0], [1]), lane([1], [0])], 0, &[(0, 8), (1, 8)]);
    assert!(met.blocked > 500, "{met:?}");
}

#[test]
fn going_back_and_dying_at_any_moment() {
    for end in [CRASH, BACK] {
        let moves = [(0, 3), (1, 2), (CUT, 1), (COLLECT, 1), (COMMIT, 1), (end, 1)];
        let deletes = Program { deletes: true, ..counts(0) };
        let (many, _) = explore(&[counts(0), deletes], 0, &moves);
        assert!(many > 10_000, "{many}");
    }
}

#[test]
fn yields_and_failures() {
    let yields = Program { yields: 2, ..counts(0) };
    let moves = [(0, 4), (1, 1), (CUT, 1), (COLLECT, 1), (COMMIT, 1), (FAIL, 1)];
    let (many, _) = explore(&[yields, counts(0)], 1 << 20, &moves);
    assert!(many > 10_000, "{many}");
}

#[test]
fn outputs_gate_the_commit() {
    let sends = Program { outputs: 1, ..counts(0) };
    let outside = Program { outside: true, ..counts(0) };
    let moves = [(0, 3), (1, 2), (CUT, 1), (COLLECT, 1), (COMMIT, 1), (ACKNOWLEDGE, 1)];
    let (many, met) = explore(&[sends, outside], 1 << 20, &moves);
    assert!(met.commits > many, "{met:?}");
}

pub(super) fn sends(queue: u8) -> Program {
    Program { sends: vec![queue], yields: 1, ..Program::default() }
}

pub(super) fn takes(queue: u8) -> Program {
    Program { takes: Some(queue), writes: vec![0], yields: 1, ..Program::default() }
}

#[test]
fn items_are_neither_lost_nor_doubled() {
    for end in [CRASH, BACK] {
        let moves = [(0, 4), (1, 2), (CUT, 1), (COMMIT, 1), (end, 1)];
        let (many, met) = explore(&[sends(0), takes(0)], 0, &moves);
        assert!(many > 7_000 && met.commits > many, "{many} {met:?}");
    }
}

#[test]
fn an_item_that_is_sent_and_done_between_two_cuts_is_never_written() {
    let moves = [(0, 4), (1, 4), (CUT, 1), (COMMIT, 1)];
    let (many, met) = explore(&[sends(0), takes(0)], 1 << 20, &moves);
    assert!(many > 6_000 && met.commits > many, "{many} {met:?}");
}

#[test]
fn who_sends_to_a_full_queue_waits_and_nobody_waits_for_ever() {
    let passes_on = Program { sends: vec![1, 1], ..takes(0) };
    let sender = Program { sends: vec![0, 0], ..sends(0) };
    let (many, met) = explore(&[sender, passes_on, takes(1)], 0, &[(0, 4), (1, 2), (2, 2), (CUT, 1)]);
    assert!(many > 3_000 && met.waited > many, "{many} {met:?}");
}

#[test]
fn a_yield_waits_for_room_and_its_items_come_once() {
    let yields = Program { sends: vec![0, 0], yields: 3, ..sends(0) };
    let moves = [(0, 4), (1, 2), (CUT, 1), (COMMIT, 1), (CRASH, 1)];
    let (many, met) = explore(&[yields, takes(0)], 0, &moves);
    assert!(many > 3_000 && met.waited > many, "{many} {met:?}");
}

#[test]
fn a_write_from_outside_waits_for_a_hold_and_is_in_the_next_commit() {
    let holder = Program { holds: true, ..counts(0) };
    let outside = Program { outside: true, ..counts(0) };
    let moves = [(0, 4), (1, 3), (CUT, 1), (CRASH, 1)];
    let (many, met) = explore(&[holder, outside], 0, &moves);
    assert!(many > 2_000 && met.blocked_outside > many / 10 && met.conflicts > many / 10, "{many} {met:?}");
}

pub(super) fn reads_a_topic(seeks: Option<i64>) -> Program {
    Program { source: Some(0), seeks: seeks.map(|to| (0, to)), ..counts(0) }
}

#[test]
fn a_handler_that_seeks_backward_or_forward_while_another_has_a_record_in_hand() {
    for to in [0, 1, 3] {
        let moves = [(0, 6), (1, 3), (CUT, 1)];
        let (many, met) = explore(&[reads_a_topic(None), reads_a_topic(Some(to))], 0, &moves);
        assert!(many > 800 && met.superseded > many / 4 && met.seeks > many, "{many} {met:?}");
    }
}

#[test]
fn a_seek_is_committed_with_the_effects_of_its_step_or_not_at_all() {
    for end in [CRASH, BACK] {
        for to in [0, 2] {
            let moves = [(0, 2), (1, 3), (CUT, 1), (COMMIT, 1), (end, 1)];
            let (many, met) = explore(&[reads_a_topic(None), reads_a_topic(Some(to))], 0, &moves);
            assert!(many > 3_000 && met.superseded > many / 8, "{many} {met:?}");
        }
    }
}

#[test]
fn a_seek_from_outside_of_the_topic_over_yields_and_holds() {
    let yields = Program { yields: 2, holds: true, ..reads_a_topic(None) };
    for outside in [false, true] {
        for to in [0, 1] {
            let seeks = Program { outside, source: None, ..reads_a_topic(Some(to)) };
            let (many, met) = explore(&[yields.clone(), seeks], 0, &[(0, 7), (1, 3), (CUT, 1)]);
            assert!(many > 1_000 && met.superseded > many / 4, "{many} {met:?}");
        }
    }
}

#[test]
fn two_seeks_meet() {
    let (many, met) =
        explore(&[reads_a_topic(Some(0)), reads_a_topic(Some(2))], 0, &[(0, 5), (1, 5), (CUT, 1)]);
    assert!(many > 2_000 && met.superseded > many / 4, "{many} {met:?}");
}
