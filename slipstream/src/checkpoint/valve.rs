//! What an app keeps for a checkpoint beside its state: whether the dependent is paused, and who beats for whom.

use crate::gate::Gate;
use crate::scope::{Shared, Whereabouts};
use crate::steps::{Item, Receives, State, Txn};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::AcqRel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Holds the dependent's source back, and lets it go on, when the step ends that says so.
pub(super) struct Valve {
    /// The reason that the gate is paused for.
    checkpoint: &'static str,
    inner: Mutex<Inner>,
    is_old: AtomicBool,
}

#[derive(Default)]
struct Inner {
    gate: Option<Arc<Gate>>,
    is_paused: bool,
    /// The handler and the source that beat for each dependency.
    beats: BTreeMap<&'static str, (String, String)>,
}

impl Valve {
    pub(super) fn new(checkpoint: &'static str) -> Self {
        Valve { checkpoint, inner: Mutex::default(), is_old: AtomicBool::new(false) }
    }

    /// Whether this app has never asked before.
    pub(super) fn is_new(&self) -> bool {
        !self.is_old.swap(true, AcqRel)
    }

    /// This source is the dependent.
    pub(super) fn watch(&self, app: &Shared, source: &str) {
        let mut inner = self.inner();
        inner.gate.get_or_insert_with(|| app.gates.of(source));
    }

    pub(super) fn pause(self: &Arc<Self>, state: &State, txn: &mut Txn) {
        state.tell_onlookers(txn, self.clone(), Item::Volatile(Box::new(true)));
    }

    pub(super) fn resume(self: &Arc<Self>, state: &State, txn: &mut Txn) {
        state.tell_onlookers(txn, self.clone(), Item::Volatile(Box::new(false)));
    }

    pub(super) fn set(&self, paused: bool) {
        let mut inner = self.inner();
        if let Some(gate) = inner.gate.clone()
            && std::mem::replace(&mut inner.is_paused, paused) != paused
        {
            if paused { gate.pause(self.checkpoint) } else { gate.resume(self.checkpoint) }
        }
    }

    /// A handler beats for a dependency.
    pub(super) fn beats(&self, dependency: &'static str, here: &Whereabouts) {
        let mut inner = self.inner();
        inner.beats.entry(dependency).or_insert_with(|| (here.handler.to_string(), here.source.to_string()));
    }

    /// Whether it is this handler, or this source, that beats for a dependency.
    pub(super) fn is_beaten_by(&self, dependency: &str, job: &str) -> bool {
        self.inner().beats.get(dependency).is_some_and(|(handler, source)| handler == job || source == job)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Receives for Valve {
    fn receive(&self, item: Item) {
        if let Item::Volatile(paused) = item
            && let Ok(paused) = paused.downcast::<bool>()
        {
            self.set(*paused);
        }
    }
}
