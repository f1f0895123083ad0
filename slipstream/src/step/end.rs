//! How a step ends: what it wrote, what it sends and where it is become visible together, or nothing does.

use super::{Interrupt, Step};
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::Outputs;
use crate::log::Ack;
use crate::scope::{Buffers, Shared};
use crate::steps::{End, Pending};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// What becomes of the messages of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Done,
    Filtered,
    Skipped,
    Dead,
}

impl Step {
    /// Whether the step has read and written nothing: then there is nothing to hold.
    #[inline]
    pub(crate) fn is_untouched(&self) -> bool {
        !self.inner.gathered.is_touched()
    }

    /// Holds what the step has touched before a function is called as a sink, so that the call is not made in vain.
    pub(crate) async fn hold(&self) -> Result<(), Interrupt> {
        let Some(mut buffers) = self.inner.gathered.lend() else { return Ok(()) };
        match self.inner.app.state.hold(&mut buffers.txn).await.map_err(Interrupt::Stop)? {
            End::Stands(_) => Ok(()),
            not => Err(self.not_ended(&mut buffers, &not)),
        }
    }

    /// Ends the step and moves the position behind all that was pulled, unless a pipe holds some of it.
    ///
    /// # Errors
    /// If it is stale and runs again, if it is superseded, or if the lane cannot go on.
    pub(crate) async fn end(&self, ended: Ended, count: u32) -> Result<(), Interrupt> {
        self.place_behind();
        self.settle().await?;
        self.moved();
        self.count_end(ended, count);
        Ok(())
    }

    /// Ends a step that has touched nothing and whose source has no positions; `false` if it is not such a one.
    #[inline]
    pub(crate) fn end_untouched(&self, ended: Ended, count: u32) -> bool {
        let untouched = self.here().track.is_none() && !self.inner.gathered.is_touched();
        if untouched {
            self.count_end(ended, count);
        }
        untouched
    }

    #[inline]
    fn count_end(&self, ended: Ended, count: u32) {
        let counts = self.counts();
        counts.left.add(count.into());
        let column = match ended {
            Ended::Done => &counts.done,
            Ended::Filtered => &counts.filtered,
            Ended::Skipped => &counts.skipped,
            Ended::Dead => &counts.dead,
        };
        column.add(count.into());
    }

    /// Ends the step without waiting, as `end` does; `None` if somebody is in its way.
    pub(crate) fn end_now(&self, ended: Ended, count: u32) -> Option<Result<(), Interrupt>> {
        self.place_behind();
        let mut buffers = self.inner.gathered.touch();
        let (state, outputs) = (&self.inner.app.state, buffers.outputs());
        let end = state.end_now(&mut buffers.txn, outputs)?;
        let stands = end.map_err(Interrupt::Stop).and_then(|end| self.ended(&mut buffers, end));
        let rest = buffers.is_idle();
        drop(buffers);
        if rest {
            self.inner.gathered.ends();
        }
        if stands.is_ok() {
            self.moved();
            self.count_end(ended, count);
        }
        Some(stands)
    }

    /// The step moves the position behind all that was pulled, unless a pipe holds some of it.
    fn place_behind(&self) {
        if let Some(mut track) = self.track()
            && self.counts().held.get() == 0
        {
            let (state, gathered) = (&self.inner.app.state, &self.inner.gathered);
            track.behind(|row, place| state.move_place(&mut gathered.touch().txn, row, place));
        }
    }

    fn moved(&self) {
        if let Some(mut track) = self.track()
            && self.counts().held.get() == 0
        {
            track.moved();
        }
    }

    /// How many yields of the message in hand are done already.
    pub(crate) fn yields(&self) -> u32 {
        let before = self.track().map_or(0, |track| track.yields());
        before.max(self.inner.yielded.load(Relaxed))
    }

    /// Ends the step of one yield; the message goes on. Whether its position says so.
    pub(crate) async fn end_yield(&self, yields: u32) -> Result<bool, Interrupt> {
        let place = match self.track() {
            Some(track) if self.counts().held.get() > 0 || !track.divides() => {
                return Ok(false); // the whole message is one step
            }
            Some(mut track) => track.at_yield(yields),
            None => None,
        };
        let is_placed = place.is_some();
        if let Some((row, place)) = place {
            self.inner.app.state.move_place(&mut self.inner.gathered.touch().txn, row, place);
        }
        let has_sought = self.inner.gathered.is_touched() && !self.inner.gathered.touch().sought.is_empty();
        self.settle().await?;
        self.inner.yielded.store(yields, Relaxed);
        self.goes_on(has_sought)?;
        Ok(is_placed)
    }

    /// Before a step runs again: takes hold of all that it touched, so that it cannot conflict over that any more.
    pub(crate) async fn hold_again(&self) {
        let mut buffers = self.inner.gathered.lend_all();
        // It has read nothing yet: there is nothing that could be stale.
        // And if all has gone back meanwhile, the next run begins anew as well.
        let _ = self.inner.app.state.hold(&mut buffers.txn).await;
    }

    async fn settle(&self) -> Result<(), Interrupt> {
        let Some(mut buffers) = self.inner.gathered.lend() else { return Ok(()) };
        let outputs = buffers.outputs();
        let end = self.inner.app.state.end(&mut buffers.txn, outputs).await.map_err(Interrupt::Stop)?;
        self.ended(&mut buffers, end)
    }

    /// Counts and sends what became visible, or takes it back.
    fn ended(&self, buffers: &mut Buffers, end: End) -> Result<(), Interrupt> {
        let End::Stands(pending) = end else { return Err(self.not_ended(buffers, &end)) };
        for sink in buffers.rows.drain(..) {
            self.inner.outputs[sink].in_hand.sub(1);
            self.inner.outputs[sink].delivered.add(1);
        }
        if std::mem::take(&mut buffers.batched) > 0 {
            self.accept_batched(&pending.clone().unwrap_or_default());
        }
        if !buffers.records.is_empty() {
            let log = self.inner.app.log().map_err(Interrupt::Stop)?;
            let pending = pending.unwrap_or_default();
            let Buffers { records, acks, .. } = buffers;
            acks.resize(self.inner.outputs.len() + 1, None);
            for (sink, record) in records.drain(..) {
                let ack = &mut acks[sink.map_or(0, |sink| sink + 1)];
                if ack.as_ref().is_none_or(|(counts, _)| !counts.is(&pending)) {
                    let outputs = sink.map(|sink| self.inner.outputs[sink].clone());
                    *ack = Some((pending.clone(), acknowledge(&self.inner.app, outputs, pending.clone())));
                }
                if let Some((_, ack)) = ack {
                    self.inner.app.produce(&**log, record, ack.clone());
                }
            }
        }
        for (source, partition) in buffers.sought.drain(..) {
            self.inner.app.reread(&source, partition);
        }
        buffers.notes.clear();
        Ok(())
    }

    /// The step runs again, or is nobody's any more.
    fn not_ended(&self, buffers: &mut Buffers, end: &End) -> Interrupt {
        self.withdraw(buffers);
        if matches!(end, End::Superseded) { Interrupt::Superseded } else { Interrupt::Stale }
    }

    /// Throws away what the step did.
    pub(crate) fn abandon(&self) {
        let Some(mut buffers) = self.inner.gathered.lend() else { return };
        self.withdraw(&mut buffers);
        self.inner.app.state.abandon(&mut buffers.txn);
    }

    /// Throws away what the step did but not what it has read, on which the verdict depends that follows.
    pub(crate) fn undo(&self) {
        let Some(mut buffers) = self.inner.gathered.lend() else { return };
        self.withdraw(&mut buffers);
        buffers.txn.undo();
    }

    /// Whether what the step has read still stands.
    pub(crate) fn still_stands(&self) -> bool {
        let Some(mut buffers) = self.inner.gathered.lend() else { return true };
        let stands = self.inner.app.state.still_stands(&mut buffers.txn);
        if !stands {
            self.withdraw(&mut buffers);
        }
        stands
    }

    /// Counts what was offered to sinks and is taken back unseen.
    fn withdraw(&self, buffers: &mut Buffers) {
        buffers.sought.clear();
        buffers.notes.clear();
        for sink in buffers.records.drain(..).filter_map(|(sink, _)| sink) {
            self.inner.outputs[sink].open.sub_shared(1);
            self.inner.outputs[sink].withdrawn.add(1);
        }
        for sink in buffers.rows.drain(..) {
            self.inner.outputs[sink].in_hand.sub(1);
            self.inner.outputs[sink].withdrawn.add(1);
        }
        if std::mem::take(&mut buffers.batched) > 0 {
            self.withdraw_batched();
        }
    }
}

/// What is done when a record's fate is known: it is counted, and a failure ends the app, since its position would
/// otherwise pass an output that nobody has.
fn acknowledge(app: &Arc<Shared>, outputs: Option<Arc<Outputs>>, pending: Pending) -> Ack {
    let app = Arc::downgrade(app);
    Ack::new(move |written| {
        let delivered = written.is_ok();
        if let Some(outputs) = &outputs {
            let column = if delivered { &outputs.delivered } else { &outputs.failed };
            column.add_shared(1);
            outputs.open.sub_shared(1);
        }
        match written {
            Ok(_) => pending.acknowledged(),
            Err(error) => {
                if let Some(app) = app.upgrade() {
                    app.fail(Error::caused(
                        ErrorKind::Log,
                        format!("a record was not delivered: {error}"),
                        error,
                    ));
                }
            }
        }
    })
}
