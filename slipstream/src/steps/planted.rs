//! Mistakes that `cargo xtask chaos state-kill --plant NAME` makes on purpose in a whole process, to see that it finds them.
//! For tests only: nothing of it is in a release build, and a debug build does as always unless `SLIPSTREAM_PLANTED` names
//! one.

use crate::store::{Row, RowKey, RowValue};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mistake {
    /// Positions are committed before the rows that belong to them.
    PositionFirst,
    /// A commit does not wait until its outputs are acknowledged.
    IgnoreAcks,
    /// A commit also has what steps wrote that have not ended.
    Unfinished,
}

#[cfg(not(debug_assertions))]
const fn planted(_: Mistake) -> bool {
    false
}

#[cfg(debug_assertions)]
fn planted(mistake: Mistake) -> bool {
    static PLANTED: std::sync::OnceLock<Option<Mistake>> = std::sync::OnceLock::new();
    let read = || match std::env::var("SLIPSTREAM_PLANTED").ok()?.as_str() {
        "position-first" => Some(Mistake::PositionFirst),
        "ignore-acks" => Some(Mistake::IgnoreAcks),
        "unfinished" => Some(Mistake::Unfinished),
        _ => None,
    };
    *PLANTED.get_or_init(read) == Some(mistake)
}

/// What steps wrote since the last commit, ended or not.
static WRITTEN: std::sync::Mutex<Vec<Row>> = std::sync::Mutex::new(Vec::new());

/// Notes what a step writes, if a commit is to have it before the step has ended.
pub(super) fn note(row: &[u8], value: Option<&RowValue>) {
    if planted(Mistake::Unfinished) {
        written().push((RowKey::from(row), value.cloned()));
    }
}

/// Whether a commit goes on without its acknowledgements.
pub(super) fn ignores_acknowledgements() -> bool {
    planted(Mistake::IgnoreAcks)
}

fn written() -> std::sync::MutexGuard<'static, Vec<Row>> {
    WRITTEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Between the commits that are made of one: long enough for a kill to come between them.
pub(super) async fn between() {
    if planted(Mistake::PositionFirst) {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// The rows of one commit as the commits that are made of them: one, without a mistake.
pub(super) fn commits(rows: Vec<Row>) -> Vec<Vec<Row>> {
    if planted(Mistake::PositionFirst) {
        let (positions, others) = rows.into_iter().partition(|(row, _)| super::place::is_position(row));
        return vec![positions, others];
    }
    if planted(Mistake::Unfinished) {
        let mut all: std::collections::BTreeMap<_, _> = rows.into_iter().collect();
        all.extend(written().drain(..));
        return vec![all.into_iter().collect()];
    }
    vec![rows]
}
