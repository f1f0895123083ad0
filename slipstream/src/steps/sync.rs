//! The locks of the protocol under names of their own: its tests explore their schedules, and plant faults.

pub(super) use std::sync::{Mutex, MutexGuard, PoisonError, atomic};

/// A mistake that the tests make on purpose, to see that they find it.
#[cfg_attr(not(test), allow(dead_code))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// What a step read is not checked.
    Freshness,
    /// What a step has read is not checked if it takes back what it writes.
    Undone,
    /// What a step holds is checked again.
    HeldIsChecked,
    /// A row that another holds is written.
    Holds,
    /// Letting go of a row does not raise the floor.
    Floor,
    /// What the frozen generation wrote is lost when the open one writes again.
    Saved,
    /// An item that its consumer has in hand counts as done.
    InHand,
    /// An item that is done stays in the store.
    DoneStays,
    /// No cut takes what was written from outside.
    OutsideUncut,
    /// A write from outside goes over a row that a step holds.
    OutsideHolds,
    /// Who waits for room does not look how far the consumers are.
    Room,
    /// Nobody waits for room.
    Overfill,
    /// A step ends over a record from before a seek.
    Epochs,
    /// A seek backward takes those along that are not as far.
    Lags,
    /// A seek leaves the yields of the message that it goes to.
    SeekYields,
    /// A position forgets how many yields are done.
    Yields,
}

#[cfg(not(test))]
#[inline(always)]
pub(super) const fn planted(_: Fault) -> bool {
    false
}

#[cfg(test)]
thread_local! {
    pub(super) static PLANTED: std::cell::Cell<Option<Fault>> = const { std::cell::Cell::new(None) };
}

#[cfg(test)]
pub(super) fn planted(fault: Fault) -> bool {
    PLANTED.get() == Some(fault)
}
