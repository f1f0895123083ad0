//! Who may end a step at the moment: each lane has a lock of its own, and a cut takes them all.

use super::sync::atomic::{AtomicUsize, Ordering::AcqRel, Ordering::Acquire};
use super::sync::{Mutex, MutexGuard, PoisonError};
use std::sync::{Arc, Weak};

/// A lane's lock: held while a step ends, and by a cut. It guards what a step ends in.
pub(super) struct Lane(Mutex<Generation>);

/// What ends between two cuts.
#[derive(Clone)]
pub(super) struct Generation {
    pub(super) number: u64,
    /// Rises with each going back.
    pub(super) epoch: u64,
    pub(super) pending: Pending,
    /// The size of what the lane wrote in it and has not reported yet.
    pub(super) unreported: usize,
}

/// Counts the outputs of a generation that have not been acknowledged.
#[derive(Clone, Default)]
pub(crate) struct Pending(Arc<AtomicUsize>);

impl Pending {
    pub(super) fn add(&self, outputs: usize) {
        self.0.fetch_add(outputs, AcqRel);
    }

    /// Whether both count the same generation.
    pub(crate) fn is(&self, other: &Pending) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn acknowledged(&self) {
        self.0.fetch_sub(1, AcqRel);
    }

    pub(crate) fn is_clear(&self) -> bool {
        self.0.load(Acquire) == 0
    }
}

impl Lane {
    pub(super) fn lock(&self) -> MutexGuard<'_, Generation> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The generation of what a log had when the state was opened; the next ones are ours.
pub(super) const RECOVERED: u64 = 1;

/// All lanes, and the generation that they end steps in.
pub(super) struct Lanes {
    all: Vec<Weak<Lane>>,
    now: Generation,
}

impl Lanes {
    pub(super) fn new() -> Self {
        Lanes {
            all: Vec::new(),
            now: Generation { number: RECOVERED + 1, epoch: 0, pending: Pending::default(), unreported: 0 },
        }
    }

    pub(super) fn add(&mut self) -> Arc<Lane> {
        let lane = Arc::new(Lane(Mutex::new(self.now.clone())));
        self.all.retain(|lane| lane.strong_count() > 0);
        self.all.push(Arc::downgrade(&lane));
        lane
    }

    /// The generation that steps end in.
    #[cfg_attr(not(test), allow(dead_code))] // for what comes: an aborted transaction, a lost partition
    pub(super) fn number(&self) -> u64 {
        self.now.number
    }

    /// Runs while no step can end.
    pub(super) fn still<T>(&self, run: impl FnOnce() -> T) -> T {
        let all = self.living();
        let _locked: Vec<_> = all.iter().map(|lane| lane.lock()).collect();
        run()
    }

    /// In the order of their beginning, in which they are locked; nobody else takes more than one.
    fn living(&self) -> Vec<Arc<Lane>> {
        self.all.iter().filter_map(Weak::upgrade).collect()
    }

    /// Begins the next generation between two steps: `between` runs while no step can end. Returns the one before.
    pub(super) fn turn(&mut self, epochs: u64, between: impl FnOnce()) -> Generation {
        let all = self.living();
        let mut locked: Vec<_> = all.iter().map(|lane| lane.lock()).collect();
        between();
        let next = Generation {
            number: self.now.number + 1,
            epoch: self.now.epoch + epochs,
            pending: Pending::default(),
            unreported: 0,
        };
        for lane in &mut locked {
            **lane = next.clone();
        }
        std::mem::replace(&mut self.now, next)
    }
}
