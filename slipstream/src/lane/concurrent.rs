//! `concurrency = n`: n serial lanes behind one pipe, chosen by a fixed function of the key.
//!
//! Each lane has positions of its own. One that has nothing to do counts as far as the dispatcher is, so that it does not
//! hold the source back at the next start.

use super::{Bench, Lane, drive};
use crate::error::{Error, Result};
use crate::flow::Flow;
use crate::gate::Gate;
use crate::pulled::{At, Traced};
use crate::step::{Handed, Interrupt, Stage, Step};
use futures_core::Stream;
use futures_util::FutureExt as _;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::AcqRel, Ordering::Acquire, Ordering::Release};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// How many messages wait in front of each lane, and of the dispatcher behind a shared source.
pub(crate) const WAITING: usize = 16;

/// How many messages are dispatched between two looks at which lanes are idle.
const ROUND: u32 = 256;

/// How long nothing comes before it is looked anyway: a channel has room only when all lanes are past an item.
const QUIET: Duration = Duration::from_millis(2);

/// A message, what it was made of, and its number.
type Parcel<T, D> = (Traced<T, D>, Option<Handed>, u64);

/// The messages of one of the lanes, as the dispatcher hands them over.
pub struct Work<T, D> {
    queue: mpsc::Receiver<Parcel<T, D>>,
    step: Step,
    gate: Arc<Gate>,
    /// Told when another lane has failed: what waits is not taken any more.
    failed: Arc<AtomicBool>,
    under_way: Arc<AtomicUsize>,
    /// Whether the message that was given last has not been settled.
    busy: bool,
}

impl<T, D> Stream for Work<T, D> {
    type Item = Traced<T, D>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.busy) {
            // The next is asked for when the one before has been settled, not earlier.
            self.under_way.fetch_sub(1, AcqRel);
        }
        if self.failed.load(Acquire) {
            return Poll::Ready(None);
        }
        if self.gate.is_held(cx) {
            return Poll::Pending;
        }
        let Some((traced, handed, number)) = ready!(self.queue.poll_recv(cx)) else {
            return Poll::Ready(None);
        };
        self.busy = true;
        self.step.set_number(number);
        if !self.step.take_over(handed.as_ref()) {
            // Done before the app was last stopped.
            self.step.counts().taken.sub_shared(traced.count.into());
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(traced))
    }
}

impl<T, D> Unpin for Work<T, D> {}

/// What is left in front of a lane that was cut short comes again, like what it was cut short in.
impl<T, D> Drop for Work<T, D> {
    fn drop(&mut self) {
        self.queue.close();
        while self.step.is_cut()
            && let Ok((traced, ..)) = self.queue.try_recv()
        {
            self.step.untook(traced.count);
        }
    }
}

/// One of the lanes, as the dispatcher sees it.
struct Hand<T, D> {
    queue: mpsc::Sender<Parcel<T, D>>,
    step: Step,
    under_way: Arc<AtomicUsize>,
}

/// The lanes, and what runs in them.
pub(crate) struct Crew<T, D> {
    hands: Vec<Hand<T, D>>,
    lanes: JoinSet<Result<()>>,
    gate: Arc<Gate>,
    failed: Arc<AtomicBool>,
}

impl<T, D> Crew<T, D> {
    pub(crate) fn new(gate: Arc<Gate>) -> Self {
        Crew { hands: Vec::new(), lanes: JoinSet::new(), gate, failed: Arc::default() }
    }

    /// Adds a lane. Must be called on the runtime.
    pub(crate) fn hire<F, Fut>(&mut self, step: &Step, run: F)
    where
        T: Send + 'static,
        D: Send + 'static,
        F: Fn(Lane<Work<T, D>, T, D>, Step) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), Interrupt>> + Send + 'static,
    {
        let (queue, receiver) = mpsc::channel(WAITING);
        let under_way = Arc::<AtomicUsize>::default();
        let work = Work {
            queue: receiver,
            step: step.clone(),
            gate: self.gate.clone(),
            failed: self.failed.clone(),
            under_way: under_way.clone(),
            busy: false,
        };
        let bench = Bench::new(Flow::new(work, step.clone()), step.clone(), None, true);
        self.lanes.spawn(crate::scope::enter(step.current(), drive(bench, step.clone(), run)));
        self.hands.push(Hand { queue, step: step.clone(), under_way });
    }

    /// Nothing more comes for the lanes.
    fn close(&mut self) {
        for hand in &mut self.hands {
            hand.queue = mpsc::channel(1).0;
        }
    }

    /// Lets the other lanes end the calls that they are in; what waits in front of them is left.
    async fn fail(&mut self, error: Error) -> Result<()> {
        self.failed.store(true, Release);
        self.close();
        self.gate.nudge();
        while self.lanes.join_next().await.is_some() {}
        Err(error)
    }

    /// Moves the positions of the lanes that have nothing to do: what went by was not for them, or is done. Tells whether
    /// that is all lanes.
    fn idle_lanes_keep_up(&self, seen: &[At]) -> bool {
        let is_idle = |hand: &&Hand<T, D>| hand.under_way.load(Acquire) == 0 && !hand.step.is_cut();
        let idle: Vec<_> = self.hands.iter().filter(is_idle).collect();
        let all = idle.len() == self.hands.len();
        let places: Vec<_> = idle.into_iter().flat_map(|hand| hand.step.places_behind(seen)).collect();
        if let (false, Some(hand)) = (places.is_empty(), self.hands.first()) {
            hand.step.app().state.move_places(&places);
        }
        all
    }
}

/// Takes messages out of the pipe and hands each to the lane of its key, until the flow ends; then waits for the lanes.
pub(crate) async fn dispatch<S, T, D>(
    mut bench: Box<Bench<S, T, D>>,
    step: Step,
    mut crew: Crew<T, D>,
    mut key: impl Fn(&T) -> u32,
) -> Result<()>
where
    S: Stream<Item = Traced<T, D>> + Unpin,
{
    let mut seen: Vec<At> = Vec::new();
    let mut since = 0;
    loop {
        let next = tokio::select! {
            biased;
            Some(joined) = crew.lanes.join_next() => {
                match ended(joined).and_then(|done| done.unwrap_or(Ok(()))) {
                    Ok(()) => continue,
                    Err(error) => return crew.fail(error).await,
                }
            }
            next = AssertUnwindSafe(taken(&mut bench, &mut key)).catch_unwind() => next,
            () = tokio::time::sleep(QUIET), if since > 0 => {
                if crew.idle_lanes_keep_up(&seen) {
                    since = 0;
                }
                continue;
            }
        };
        let (traced, key) = match next.unwrap_or_else(|panic| Err(Interrupt::panicked(&*panic))) {
            Ok(Some(taken)) => taken,
            Ok(None) => break,
            Err(Interrupt::Stop(error)) => return crew.fail(error).await,
            // A pipe or the key panicked: the message that it had stays open.
            Err(Interrupt::Failed(error)) => return crew.fail(step.stopped(Stage::Pipe, error)).await,
            Err(Interrupt::Stale | Interrupt::Superseded | Interrupt::Drained) => continue, // taking reads nothing, and ends no step
        };
        let handed = step.hand_over();
        for at in handed.iter().flat_map(Handed::ats) {
            match seen.iter_mut().find(|seen| seen.partition == at.partition) {
                Some(seen) => *seen = at,
                None => seen.push(at),
            }
        }
        step.out_of_hand(traced.count);
        let index = key as usize % crew.hands.len();
        let hand = &crew.hands[index];
        let count = traced.count;
        hand.step.in_hand(count);
        hand.under_way.fetch_add(1, AcqRel);
        if hand.queue.send((traced, handed, step.number())).await.is_err() {
            if hand.step.is_cut() {
                hand.step.untook(count);
            }
            break; // if the lane has failed, its error comes below
        }
        since += 1;
        if since == ROUND {
            since = 0;
            crew.idle_lanes_keep_up(&seen);
        }
    }
    let places_left = std::mem::take(&mut seen);
    crew.close();
    while let Some(joined) = crew.lanes.join_next().await {
        if let Err(error) = ended(joined).and_then(|done| done.unwrap_or(Ok(()))) {
            return crew.fail(error).await;
        }
    }
    for hand in &crew.hands {
        hand.under_way.store(0, Release);
    }
    crew.idle_lanes_keep_up(&places_left);
    Ok(())
}

/// The next message, with its key.
async fn taken<S, T, D>(
    bench: &mut Bench<S, T, D>,
    key: &mut impl Fn(&T) -> u32,
) -> Result<Option<(Traced<T, D>, u32)>, Interrupt>
where
    S: Stream<Item = Traced<T, D>> + Unpin,
{
    Ok(bench.take().await?.map(|traced| {
        let key = key(&traced.item);
        (traced, key)
    }))
}

/// What a lane's task came to.
pub(super) fn ended<T>(joined: std::result::Result<T, tokio::task::JoinError>) -> Result<Option<T>> {
    match joined.map_err(tokio::task::JoinError::try_into_panic) {
        Ok(done) => Ok(Some(done)),
        Err(Ok(panic)) => Err(Error::panicked("a lane", &*panic)),
        Err(Err(_)) => Ok(None), // it was aborted
    }
}
