//! What the drain's thread and those who commit tell each other.

use crate::error::Error;

/// After so many failures of one kind in a row commits are refused.
pub(super) const FAILURES: u32 = 5;

/// How far the engine is.
pub(super) struct Draining {
    /// As the manifest has it.
    pub(super) drained: u64,
    /// The engine has failed: it is opened anew before it is written to again.
    pub(super) is_broken: bool,
}

/// Between the drain's thread and those who commit.
#[derive(Default)]
pub(super) struct Signals {
    pub(super) stop: bool,
    pub(super) failures: u32,
    pub(super) error: Option<Error>,
}

impl Signals {
    /// Nothing could be drained. One kind of failure says nothing of another: space is waited for, and what else fails is
    /// not. `true`: it is given up.
    pub(super) fn failed(&mut self, error: &Error) -> bool {
        let is_of_a_kind = self.error.as_ref().is_some_and(|before| before.kind() == error.kind());
        self.failures = if is_of_a_kind { self.failures + 1 } else { 1 };
        self.error = Some(error.copy());
        self.failures >= FAILURES
    }

    /// Why nothing is drained any more.
    pub(super) fn given_up(&self) -> Option<Error> {
        if self.failures < FAILURES { None } else { self.error.as_ref().map(Error::copy) }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// In slices, and after those who read from an older view.
    InSlices,
    /// Without a pause; not at all while somebody reads from an older view.
    AtOnce,
}
