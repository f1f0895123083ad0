//! `lanes = partitions`: a serial lane for each partition, behind a pipe of its own.
//!
//! Positions are by partition already, so that these lanes need none of their own: a handler can be given them, or be
//! relieved of them. A lane is made at the first record of its partition. When the partition goes to another member of
//! the group it drains, and what its pipe still holds is handed back: whoever has the partition then reads it again.

use super::concurrent::ended;
use crate::error::{Error, Result};
use crate::flow::{Parcel, Supply};
use crate::gate::Gate;
use crate::ledger::Messages;
use crate::step::Step;
use futures_util::FutureExt as _;
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// Where the messages of all partitions come from.
pub(crate) struct Spring<U> {
    pub(crate) supply: Supply<U>,
    pub(crate) gate: Arc<Gate>,
    /// Counts what the lane of a shared source puts into the queue.
    pub(crate) counts: Arc<Messages>,
}

/// A partition's lane, as the one who hands out the messages sees it.
struct Hand<U> {
    /// Kept when the lane has drained: it counts on when the partition comes back.
    step: Step,
    /// `None` while the partition is not ours.
    queue: Option<mpsc::Sender<Parcel<U>>>,
    gate: Arc<Gate>,
    /// Whether the lane has not ended yet.
    runs: bool,
}

/// The lanes of one handler.
struct Hands<U> {
    all: BTreeMap<u32, Hand<U>>,
    lanes: JoinSet<(u32, Result<()>)>,
}

/// Hands each message to the lane of its partition, until the source ends or the app drains; then waits for the lanes.
///
/// `room` messages wait in front of each; `assigned` tells which partitions this process has.
pub(crate) async fn spread<U, Fut>(
    mut spring: Spring<U>,
    mut assigned: watch::Receiver<Option<Vec<u32>>>,
    room: usize,
    step: impl Fn() -> Step,
    lane: impl Fn(Supply<U>, Arc<Gate>, Step) -> Fut,
) -> Result<()>
where
    Fut: Future<Output = Result<()>> + Send + 'static,
{
    let mut hands = Hands { all: BTreeMap::new(), lanes: JoinSet::new() };
    let mut done = loop {
        let next = tokio::select! {
            biased;
            Some(joined) = hands.lanes.join_next() => {
                match hands.left(joined) {
                    Ok(()) => continue,
                    Err(error) => break Err(error),
                }
            }
            Ok(()) = assigned.changed() => {
                hands.part_with(assigned.borrow_and_update().as_deref().unwrap_or_default());
                continue;
            }
            next = AssertUnwindSafe(poll_fn(|cx| spring.poll(cx))).catch_unwind() => next,
        };
        let parcel = match next {
            Ok(Some(parcel)) => parcel,
            Ok(None) => break Ok(()),
            Err(panic) => break Err(Error::panicked("the source", &*panic)),
        };
        // What has no place comes from no topic; preflight has refused that.
        let partition = parcel.at.map_or(0, |at| at.partition);
        if let Err(error) = hands.rested(partition).await {
            break Err(error);
        }
        let hand = match hands.all.entry(partition) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(new) => {
                new.insert(Hand { step: step(), queue: None, gate: spring.gate.below(), runs: false })
            }
        };
        let queue = match &hand.queue {
            Some(queue) => queue.clone(),
            None => {
                let (queue, messages) = mpsc::channel(room);
                hand.gate = spring.gate.below();
                hand.step.renew();
                hand.runs = true;
                let runs = lane(Supply::Queue(messages), hand.gate.clone(), hand.step.clone());
                hands.lanes.spawn(drained(
                    partition,
                    runs,
                    hand.gate.clone(),
                    spring.gate.clone(),
                    hand.step.clone(),
                ));
                hand.queue.insert(queue).clone()
            }
        };
        hand.step.counts().taken.add_shared(1);
        spring.forwarded();
        if queue.send(parcel).await.is_err() {
            // It has failed, and says below why.
            hand.step.untook(1);
            spring.gate.drain();
            break Ok(());
        }
    };
    if done.is_err() {
        // So that the other lanes do not take it for the end of the source.
        spring.gate.drain();
    }
    hands.all.values_mut().for_each(|hand| hand.queue = None);
    while let Some(joined) = hands.lanes.join_next().await {
        if let Err(error) = hands.left(joined) {
            spring.gate.drain();
            done = done.and(Err(error));
        }
    }
    done
}

/// Runs a lane to its end. If it has ended because the partition went away, what its pipe holds is handed back.
async fn drained(
    partition: u32,
    lane: impl Future<Output = Result<()>>,
    own: Arc<Gate>,
    source: Arc<Gate>,
    step: Step,
) -> (u32, Result<()>) {
    let done = lane.await;
    if own.is_draining() && !source.is_draining() {
        step.hand_back();
    }
    (partition, done)
}

impl<U> Spring<U> {
    /// The next message; `None` at the end of the source, and when the app drains.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Parcel<U>>> {
        let source = match &mut self.supply {
            // What is in a queue was taken already, and is handled also while the app drains.
            Supply::Queue(_) if self.gate.is_held(cx) => return Poll::Pending,
            Supply::Queue(queue) => return queue.poll_recv(cx),
            Supply::Slot(_) => return Poll::Ready(None), // these are for handlers in the source's own task
            Supply::Direct(source) => source,
        };
        let was_open = self.gate.is_open();
        if was_open && let Poll::Ready(next) = source.as_mut().poll_next(cx) {
            return Poll::Ready(next);
        }
        self.gate.watch(cx);
        match (self.gate.is_draining(), self.gate.is_open()) {
            (true, _) => Poll::Ready(None),
            // It was opened meanwhile.
            (false, true) if !was_open => self.poll(cx),
            (false, _) => Poll::Pending,
        }
    }

    /// A message is counted by its lane from here on.
    fn forwarded(&self) {
        if matches!(self.supply, Supply::Queue(_)) {
            self.counts.taken.sub_shared(1);
        }
    }
}

impl<U> Hands<U> {
    /// A lane has ended.
    fn left(&mut self, joined: std::result::Result<(u32, Result<()>), tokio::task::JoinError>) -> Result<()> {
        let Some((partition, done)) = ended(joined)? else { return Ok(()) };
        if let Some(hand) = self.all.get_mut(&partition) {
            hand.runs = false;
        }
        done
    }

    /// The lanes of partitions that are not ours any more come to their end.
    fn part_with(&mut self, ours: &[u32]) {
        for (_, hand) in self.all.iter_mut().filter(|(partition, _)| !ours.contains(partition)) {
            hand.queue = None;
            hand.gate.drain();
        }
    }

    /// Waits until the lane that a partition had before has ended: two must not have it at once.
    async fn rested(&mut self, partition: u32) -> Result<()> {
        while self.all.get(&partition).is_some_and(|hand| hand.queue.is_none() && hand.runs) {
            let Some(joined) = self.lanes.join_next().await else { return Ok(()) };
            self.left(joined)?;
        }
        Ok(())
    }
}
