//! Holds a source back: by reasons that compose, and for good when the app drains.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Waker};

const PAUSED: u8 = 1;
const DRAINING: u8 = 2;

/// The gate in front of one source. It is open while no reason holds it.
#[derive(Default)]
pub(crate) struct Gate {
    bits: AtomicU8,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    reasons: BTreeMap<&'static str, usize>,
    wakers: Vec<Waker>,
    /// Gates of parts of the source: what holds it holds them.
    below: Vec<Weak<Gate>>,
}

impl Inner {
    fn below(&self) -> impl Iterator<Item = Arc<Gate>> + '_ {
        self.below.iter().filter_map(Weak::upgrade)
    }
}

impl Gate {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A gate for a part of the source, which can drain by itself.
    pub(crate) fn below(&self) -> Arc<Gate> {
        let mut inner = self.inner();
        let gate = Gate { bits: AtomicU8::new(self.bits.load(Ordering::Acquire)), inner: Mutex::default() };
        gate.inner().reasons = inner.reasons.clone();
        let gate = Arc::new(gate);
        inner.below.retain(|gate| gate.strong_count() > 0);
        inner.below.push(Arc::downgrade(&gate));
        gate
    }

    /// Adds one to a reason.
    pub(crate) fn pause(&self, reason: &'static str) {
        let mut inner = self.inner();
        *inner.reasons.entry(reason).or_default() += 1;
        self.bits.fetch_or(PAUSED, Ordering::Release);
        inner.below().for_each(|gate| gate.pause(reason));
    }

    /// Takes one from a reason; opens when none is left.
    pub(crate) fn resume(&self, reason: &'static str) {
        let mut inner = self.inner();
        if let Some(count) = inner.reasons.get_mut(reason) {
            *count -= 1;
            if *count == 0 {
                inner.reasons.remove(reason);
            }
        }
        if inner.reasons.is_empty() {
            self.bits.fetch_and(!PAUSED, Ordering::Release);
            inner.wakers.drain(..).for_each(Waker::wake);
        }
        inner.below().for_each(|gate| gate.resume(reason));
    }

    /// No further message is taken.
    pub(crate) fn drain(&self) {
        let mut inner = self.inner();
        self.bits.fetch_or(DRAINING, Ordering::Release);
        inner.wakers.drain(..).for_each(Waker::wake);
        inner.below().for_each(|gate| gate.drain());
    }

    /// Wakes all who watch, though nothing has changed here.
    pub(crate) fn nudge(&self) {
        self.inner().wakers.drain(..).for_each(Waker::wake);
    }

    /// Whether the next message may be taken.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.bits.load(Ordering::Relaxed) == 0
    }

    /// Whether what was taken already must wait, too: the source is paused, and nobody drains. Wakes when that changes.
    pub(crate) fn is_held(&self, cx: &Context<'_>) -> bool {
        let held = || self.bits.load(Ordering::Acquire) == PAUSED;
        if held() {
            self.watch(cx);
        }
        held()
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.bits.load(Ordering::Acquire) & DRAINING != 0
    }

    /// Wakes the task when the gate changes.
    pub(crate) fn watch(&self, cx: &Context<'_>) {
        let mut inner = self.inner();
        if !inner.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            inner.wakers.push(cx.waker().clone());
        }
    }
}

/// The gates of an app's sources, by the source's name.
#[derive(Default)]
pub(crate) struct Gates {
    all: Mutex<BTreeMap<String, Arc<Gate>>>,
    draining: AtomicBool,
}

impl Gates {
    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Gate>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The gate of a source; made when it is first asked for.
    pub(crate) fn of(&self, source: &str) -> Arc<Gate> {
        self.all().entry(source.to_owned()).or_default().clone()
    }

    /// Whether the app drains.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// The gate of a source, if there is such a source.
    pub(crate) fn find(&self, source: &str) -> Option<Arc<Gate>> {
        self.all().get(source).cloned()
    }

    /// Pauses all sources for a reason, or resumes them.
    pub(crate) fn hold_all(&self, reason: &'static str, hold: bool) {
        let change = if hold { Gate::pause } else { Gate::resume };
        self.all().values().for_each(|gate| change(gate, reason));
    }

    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        self.all().values().for_each(|gate| gate.drain());
    }
}
