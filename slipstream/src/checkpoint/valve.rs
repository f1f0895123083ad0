//! What an app keeps for a checkpoint beside its state: whether the dependent is paused, and who beats for whom.

use super::{Error, ErrorKind, Result};
use crate::gate::Gate;
use crate::ledger::MessageCounts;
use crate::scope::{EndOf, Shared};
use crate::steps::{Item, Receives, State, Txn};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Holds the dependent's source back, and lets it go on, when the step ends that says so. What steps of several lanes say may
/// come in another order than they have ended: the state numbers them.
pub(super) struct Valve {
    /// The reason that the gate is paused for.
    checkpoint: &'static str,
    is_open: Mutex<bool>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// The source whose pulse is checked, once it is known.
    dependent: Option<String>,
    gate: Option<Arc<Gate>>,
    is_paused: bool,
    /// The number of the last that was heard.
    turn: u64,
    /// Who beats for each dependency.
    beats: BTreeMap<&'static str, Vec<Beater>>,
}

/// What a step says.
struct Turn {
    turn: u64,
    paused: bool,
}

struct Beater {
    handler: String,
    source: String,
    has_ended: bool,
}

impl Valve {
    pub(super) fn new(checkpoint: &'static str) -> Self {
        Valve { checkpoint, is_open: Mutex::default(), inner: Mutex::default() }
    }

    /// For who uses it first in this app; all others wait until that one is done.
    pub(super) fn opening(&self) -> Option<MutexGuard<'_, bool>> {
        let mut is_open = self.is_open.lock().unwrap_or_else(PoisonError::into_inner);
        (!std::mem::replace(&mut *is_open, true)).then_some(is_open)
    }

    /// This source is the dependent.
    pub(super) fn watch(&self, app: &Shared, checkpoint: &str, source: &str) -> Result<()> {
        let mut inner = self.inner();
        match &inner.dependent {
            Some(known) if known == source => Ok(()),
            Some(known) => {
                let text = format!(
                    "the checkpoint `{checkpoint}` is that of `{known}`: for `{source}` there must be another, since it \
                     is paused, and gone back in, apart"
                );
                Err(Error::new(ErrorKind::Misuse, text))
            }
            None => {
                inner.dependent = Some(source.to_owned());
                inner.holds(app.gates.of(source), self.checkpoint);
                Ok(())
            }
        }
    }

    /// This source was paused when the state was left.
    pub(super) fn was_down(&self, app: &Shared, source: &str, turn: u64) {
        let mut inner = self.inner();
        if inner.gate.is_none() {
            inner.gate = Some(app.gates.of(source));
        }
        inner.turn = turn;
        inner.set(true, self.checkpoint);
    }

    pub(super) fn pause(self: &Arc<Self>, state: &State, txn: &mut Txn, turn: u64) {
        state.tell_onlookers(txn, self.clone(), Item::Volatile(Box::new(Turn { turn, paused: true })));
    }

    pub(super) fn resume(self: &Arc<Self>, state: &State, txn: &mut Txn, turn: u64) {
        state.tell_onlookers(txn, self.clone(), Item::Volatile(Box::new(Turn { turn, paused: false })));
    }

    fn turn(&self, Turn { turn, paused }: Turn) {
        let mut inner = self.inner();
        if turn <= inner.turn {
            return;
        }
        inner.turn = turn;
        inner.set(paused, self.checkpoint);
    }

    /// A handler beats for a dependency.
    pub(super) fn beats(&self, dependency: &'static str, handler: &str, source: &str) {
        let mut inner = self.inner();
        let beaters = inner.beats.entry(dependency).or_default();
        if !beaters.iter().any(|known| known.handler == handler && known.source == source) {
            let (handler, source) = (handler.to_owned(), source.to_owned());
            beaters.push(Beater { handler, source, has_ended: false });
        }
    }

    /// Whether anybody is known to beat for a dependency.
    pub(super) fn has_beaters(&self, dependency: &str) -> bool {
        self.inner().beats.get(dependency).is_some_and(|beaters| !beaters.is_empty())
    }

    /// Whether those who beat for a dependency have something in hand.
    pub(super) fn has_messages(&self, app: &Shared, dependency: &str) -> bool {
        let (report, inner) = (app.ledger.report(), self.inner());
        let mut beaters = inner.beats.get(dependency).into_iter().flatten();
        beaters.any(|beater| {
            let is_its = |row: &&MessageCounts| row.handler == beater.handler && row.source == beater.source;
            report.messages.iter().filter(is_its).any(|row| row.open > 0)
        })
    }

    /// A handler, or the lane of a source, has come to its end: whether it was the last that beats for a dependency.
    pub(super) fn has_no_more_beats(&self, dependency: &str, job: EndOf<'_>) -> bool {
        let mut inner = self.inner();
        let Some(beaters) = inner.beats.get_mut(dependency) else { return false };
        let mut is_one = false;
        let is_its = |beater: &&mut Beater| match job {
            EndOf::Handler(handler) => beater.handler == handler,
            EndOf::Source(source) => beater.source == source,
        };
        for beater in beaters.iter_mut().filter(is_its) {
            is_one |= !beater.has_ended;
            beater.has_ended = true;
        }
        is_one && beaters.iter().all(|beater| beater.has_ended)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn set(&mut self, paused: bool, reason: &'static str) {
        if let Some(gate) = &self.gate
            && std::mem::replace(&mut self.is_paused, paused) != paused
        {
            if paused { gate.pause(reason) } else { gate.resume(reason) }
        }
    }

    /// It is this gate: a pause goes over to it.
    fn holds(&mut self, gate: Arc<Gate>, reason: &'static str) {
        if let Some(before) = self.gate.replace(gate.clone())
            && self.is_paused
            && !Arc::ptr_eq(&before, &gate)
        {
            gate.pause(reason);
            before.resume(reason);
        }
    }
}

impl Receives for Valve {
    fn receive(&self, item: Item) {
        if let Item::Volatile(turn) = item
            && let Ok(turn) = turn.downcast::<Turn>()
        {
            self.turn(*turn);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two lanes end their steps, and the first is the last to tell of it.
    #[test]
    fn a_pause_that_is_told_late_holds_nobody_back() {
        let (valve, gate) = (Valve::new("late"), Arc::<Gate>::default());
        valve.inner().holds(gate.clone(), "late");
        let tell = |turn, paused| valve.receive(Item::Volatile(Box::new(Turn { turn, paused })));
        tell(1, true);
        assert!(!gate.is_open());
        tell(4, false);
        tell(3, true);
        tell(2, false);
        assert!(gate.is_open());
        tell(5, true);
        assert!(!gate.is_open());
    }
}
