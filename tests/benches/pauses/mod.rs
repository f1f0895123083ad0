//! How long something that is to come again and again has stayed away at most.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

/// Nanoseconds since the first call.
pub(crate) fn nanos() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_nanos() as u64
}

/// The longest time between two calls, by one caller.
pub(crate) struct Pauses {
    last: AtomicU64,
    longest: AtomicU64,
}

impl Pauses {
    pub(crate) const fn new() -> Self {
        Pauses { last: AtomicU64::new(0), longest: AtomicU64::new(0) }
    }

    pub(crate) fn comes(&self) {
        let now = nanos();
        let before = self.last.swap(now, Relaxed);
        if before > 0 {
            self.longest.fetch_max(now - before, Relaxed);
        }
    }

    /// In milliseconds.
    pub(crate) fn longest(&self) -> f64 {
        self.longest.load(Relaxed) as f64 / 1e6
    }
}
