//! Seeks, as a lane's step makes them and as it meets those of others.

use super::{Interrupt, Step};
use crate::steps::Goal;

impl Step {
    /// Whether a seek has moved the position of the message in hand, or of what was pulled before it.
    pub(crate) fn is_superseded(&self) -> bool {
        self.track().is_some_and(|mut track| track.is_superseded(&self.inner.app.state))
    }

    /// The message in hand is from before a seek: it is dropped. What was pulled of other partitions since the position
    /// last moved may be part of it, and comes again.
    pub(crate) fn superseded(&self, count: u32) {
        self.abandon();
        self.counts().left.add(count.into());
        self.counts().superseded.add(count.into());
        let others = self.track().map_or_else(Vec::new, |mut track| track.drop_pulled(&self.inner.app.state));
        let others: Vec<_> = others.into_iter().map(|partition| (partition, Goal::Stay)).collect();
        if !others.is_empty() {
            let app = &self.inner.app;
            if let Err(error) = app.seek_now(self.source(), &others) {
                app.fail(error);
            }
        }
    }

    /// After a yield that sought: the rest of the stream is of a message that is superseded.
    pub(super) fn goes_on(&self, has_sought: bool) -> Result<(), Interrupt> {
        if has_sought && self.is_superseded() { Err(Interrupt::Superseded) } else { Ok(()) }
    }
}
