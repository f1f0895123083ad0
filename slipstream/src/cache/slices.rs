//! Steps from outside that go over many rows, in slices, so that no lane waits for long.

use crate::error::Result;
use crate::scope::Shared;
use crate::steps::{End, Txn};
use crate::store::RowKey;
use std::ops::Range;

/// How many entries are one step: it locks what it touches for some microseconds.
pub(super) const SLICE: usize = 64;

/// How many rows are read before others may run.
const BREATH: usize = 1024;

/// Steps that belong to no message, and wait for others without keeping a thread.
pub(super) struct Steps<'a> {
    app: &'a Shared,
    txn: Txn,
}

impl<'a> Steps<'a> {
    pub(super) fn new(app: &'a Shared) -> Self {
        Steps { app, txn: app.state.begin() }
    }

    /// Makes a step of what is run: again, as long as others interfere.
    pub(super) async fn run(&mut self, mut run: impl FnMut(&mut Txn) -> Result<()>) -> Result<()> {
        let state = &self.app.state;
        state.room().await;
        loop {
            run(&mut self.txn)?;
            if let End::Stands(_) = state.end(&mut self.txn, 0).await? {
                break;
            }
            // It has read nothing yet, so that nothing can be stale.
            state.hold(&mut self.txn).await?;
        }
        tokio::task::yield_now().await;
        Ok(())
    }

    /// Makes steps of slices of those rows in a range that are wanted.
    pub(super) async fn each<T>(
        &mut self,
        range: Range<RowKey>,
        mut wanted: impl FnMut(&[u8], &[u8]) -> Result<Option<T>>,
        mut run: impl FnMut(&mut Txn, &T) -> Result<()>,
    ) -> Result<()> {
        let mut rows = self.app.state.scan(None, range, false);
        let mut more = true;
        while more {
            let mut slice = Vec::new();
            for _ in 0..BREATH {
                match rows.next(&self.app.state, &mut wanted)? {
                    Some(found) => slice.extend(found),
                    None => more = false,
                }
                if slice.len() == SLICE || !more {
                    break;
                }
            }
            self.run(|txn| slice.iter().try_for_each(|one| run(txn, one))).await?;
        }
        Ok(())
    }
}

impl Drop for Steps<'_> {
    fn drop(&mut self) {
        // Also where the app is closed in the midst of one: else it would stand in others' way.
        self.app.state.abandon(&mut self.txn);
    }
}
