//! The handle of a lane's step: what handlers, pipes and sinks tell it, and how it ends.
//!
//! A lane has one, used for one message after another. It knows counters, positions and the state; it does not know
//! what a pipe, a handler or a sink is.

mod batch;
mod context;
mod end;
mod resumes;
mod seek;
mod track;

pub(crate) use batch::Delivery;
pub use context::Ctx;
pub(crate) use end::Ended;
pub(crate) use resumes::Resumes;
pub(crate) use track::{Handed, Track};

use crate::error::{Error, ErrorKind, panic_text};
use crate::ledger::{Count, Messages, Outputs};
use crate::log::Outgoing;
use crate::policy::Policy;
use crate::pulled::{At, Fault};
use crate::scope::{Current, Gathered, Shared, Whereabouts};
use crate::steps::{Queue, Txn, Value};
use crate::store::RowKey;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

/// Why a call did not come to its end.
#[derive(Debug)]
pub enum Interrupt {
    /// Another step changed what this one had read: it runs again.
    Stale,
    /// The handler, an argument or a sink failed.
    Failed(Error),
    /// Its message was in hand when a seek moved the position: it is dropped.
    Superseded,
    /// The lane cannot go on, whatever the policy.
    Stop(Error),
    /// The app drains in the midst of the message, whose position says how far it is: it will be taken again.
    Drained,
}

impl<E: Into<Error>> From<E> for Interrupt {
    fn from(error: E) -> Self {
        Interrupt::Failed(error.into())
    }
}

impl Interrupt {
    /// A call panicked.
    pub(crate) fn panicked(panic: &(dyn std::any::Any + Send)) -> Self {
        Interrupt::Failed(Error::new(ErrorKind::Panicked, format!("panicked: {}", panic_text(panic))))
    }
}

/// Where a step is, for the words of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Decode,
    Pipe,
    Handle,
    Sink(usize),
}

/// What a handler is, as far as its lanes need to know.
pub(crate) struct About {
    pub(crate) name: String,
    /// Where it is written.
    pub(crate) place: String,
    pub(crate) policy: Policy,
    pub(crate) timeout: Option<Duration>,
    pub(crate) sinks: Vec<String>,
    /// Whether it writes to topics, caches, channels or batches, as far as its sinks say.
    pub(crate) stateful: AtomicBool,
    /// The topics and channels that it writes to, by number.
    pub(crate) writes: Vec<usize>,
    /// The queues of those channels, but not of those that it takes from itself.
    pub(crate) fills: Arc<OnceLock<Vec<Arc<Queue>>>>,
    /// Whether a call may be made again: then messages by value are kept as copies.
    pub(crate) may_repeat: AtomicBool,
}

/// The handle of a lane's step.
#[derive(Clone)]
pub struct Step {
    inner: Arc<Inner>,
    /// The source that this handle stands for; the one whose message is in hand if none.
    branch: Option<Arc<Branch>>,
}

struct Inner {
    app: Arc<Shared>,
    about: Arc<About>,
    /// One for each source of the handler.
    branches: Vec<Arc<Branch>>,
    /// The source whose message is in hand.
    active: AtomicUsize,
    outputs: Vec<Arc<Outputs>>,
    /// One for each sink that is a batch, once it has been sent something.
    batches: Vec<OnceLock<Arc<dyn batch::Batch>>>,
    gathered: Arc<Gathered>,
    /// 0 pipe, 1 handle, from 2 on a sink; plain numbers, since it is set for every message.
    stage: AtomicU32,
    calls: Count,
    /// How many yields of the message in hand have ended as steps of their own.
    yielded: AtomicU32,
    /// Whether the step waits for another try, which is no part of a call.
    resting: AtomicBool,
    /// Whether the lane ended in the midst of a message.
    cut: AtomicBool,
    fault: Mutex<(Option<Fault>, Option<Waker>)>,
    faulty: AtomicBool,
}

const IN_PIPE: u32 = 0;
const IN_HANDLER: u32 = 1;
const IN_SINK: u32 = 2;

/// A source, as one of its handlers sees it.
pub(crate) struct Branch {
    pub(crate) source: Arc<str>,
    pub(crate) counts: Arc<Messages>,
    /// `None` for a source that has no positions.
    pub(crate) track: Option<Mutex<Track>>,
    /// The number of the message in hand, for what has no positions, where others count what is taken.
    number: AtomicU64,
    /// How many messages lie in the hands of pipes that ask for more all the same.
    asked: AtomicU32,
    /// Whether nothing comes any more, at the source's end or because the app drains.
    drained: AtomicBool,
}

impl Branch {
    pub(crate) fn new(app: &Shared, source: &str, handler: &str, track: Option<Track>) -> Self {
        let counts = app.ledger.messages(source, handler);
        Branch {
            source: source.into(),
            counts,
            track: track.map(Mutex::new),
            number: AtomicU64::new(0),
            asked: AtomicU32::new(0),
            drained: AtomicBool::new(false),
        }
    }
}

impl Inner {
    fn whereabouts(&self) -> Whereabouts {
        let branch = &self.branches[self.active.load(Relaxed)];
        let track = branch.track.as_ref().map(|track| track.lock().unwrap_or_else(PoisonError::into_inner));
        let begins = track.map(|track| track.begins(&self.app.state)).unwrap_or_default();
        Whereabouts { handler: self.about.name.clone(), source: branch.source.clone(), begins }
    }

    /// How many messages lie in pipes that ask for more all the same.
    fn kept_by_pipes(&self) -> u64 {
        self.branches.iter().map(|branch| u64::from(branch.asked.load(Relaxed))).sum()
    }
}

impl Step {
    /// The step of a lane, with the sources that its handler has.
    pub(crate) fn new(app: &Arc<Shared>, about: &Arc<About>, branches: Vec<Branch>) -> Self {
        let sinks = about.sinks.iter();
        let branches: Vec<Arc<Branch>> = branches.into_iter().map(Arc::new).collect();
        let only = branches.first().filter(|_| branches.len() == 1).cloned();
        let inner = Inner {
            app: app.clone(),
            about: about.clone(),
            branches,
            active: AtomicUsize::new(0),
            outputs: sinks.map(|sink| app.ledger.outputs(&about.name, sink)).collect(),
            batches: about.sinks.iter().map(|_| OnceLock::new()).collect(),
            gathered: Gathered::new(app.state.begin(), about.fills.clone()),
            stage: AtomicU32::new(IN_PIPE),
            calls: Count::default(),
            yielded: AtomicU32::new(0),
            resting: AtomicBool::new(false),
            cut: AtomicBool::new(false),
            fault: Mutex::default(),
            faulty: AtomicBool::new(false),
        };
        let step = Step { inner: Arc::new(inner), branch: only };
        let told = Arc::downgrade(&step.inner);
        step.inner.gathered.told_by(move || Some(told.upgrade()?.whereabouts()));
        let asked = Arc::downgrade(&step.inner);
        app.asks(Box::new(move || asked.upgrade().map_or(0, |inner| inner.kept_by_pipes())));
        step
    }

    /// The handle for the flow of one source.
    pub(crate) fn branch(&self, branch: usize) -> Self {
        Step { inner: self.inner.clone(), branch: self.inner.branches.get(branch).cloned() }
    }

    /// The message in hand comes from this source.
    pub(crate) fn activate(&self, branch: usize) {
        self.inner.active.store(branch, Relaxed);
    }

    #[inline]
    fn here(&self) -> &Branch {
        match &self.branch {
            Some(branch) => branch,
            None => &self.inner.branches[self.inner.active.load(Relaxed)],
        }
    }

    #[inline]
    pub(crate) fn app(&self) -> &Arc<Shared> {
        &self.inner.app
    }

    #[inline]
    pub(crate) fn about(&self) -> &About {
        &self.inner.about
    }

    #[inline]
    pub(crate) fn counts(&self) -> &Arc<Messages> {
        &self.here().counts
    }

    pub(crate) fn source(&self) -> &str {
        &self.here().source
    }

    /// What was left for the arguments of a call.
    pub(crate) fn left<T: Clone + 'static>(&self) -> Option<T> {
        self.inner.gathered.left()
    }

    /// Where the lane's task runs.
    pub(crate) fn current(&self) -> Current {
        Current { app: self.inner.app.clone(), step: Some(self.inner.gathered.clone()) }
    }

    /// The positions in the source, if it has any.
    #[inline]
    fn track(&self) -> Option<MutexGuard<'_, Track>> {
        Some(self.here().track.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A message left the source for the pipe; `false` if this handler has done it already.
    ///
    /// What comes through a queue was `counted` when it was put in.
    #[inline]
    pub(crate) fn took(&self, at: Option<At>, counted: bool) -> bool {
        if at.is_some() || counted {
            return self.took_there(at, counted);
        }
        self.counts().taken.add(1);
        true
    }

    /// The same for a message with a place, or from a queue.
    #[inline(never)]
    fn took_there(&self, at: Option<At>, counted: bool) -> bool {
        let counts = self.counts();
        if let Some(at) = at
            && let Some(mut track) = self.track()
            && !track.pull(at, &self.inner.app.state)
        {
            if counted {
                counts.taken.sub_shared(1);
            }
            return false;
        }
        if counted {
            // The lane that counts them is ahead.
            let number = &self.here().number;
            number.store(number.load(Relaxed) + 1, Relaxed);
        } else {
            counts.taken.add(1);
        }
        true
    }

    /// What was put into the queue never came out of it.
    pub(crate) fn untook(&self, count: u32) {
        self.counts().taken.sub_shared(count.into());
    }

    /// Its lane has ended, and what its pipe held is somebody else's: not taken, after all.
    pub(crate) fn hand_back(&self) {
        let held = u32::try_from(self.counts().held.get()).unwrap_or(u32::MAX);
        self.released(held);
        self.untook(held);
    }

    /// The lane begins anew: where it is in its partition is what the store says by then.
    pub(crate) fn renew(&self) {
        self.here().drained.store(false, Relaxed);
        if let Some(mut track) = self.track() {
            track.renew();
        }
    }

    /// The lane ends in the midst of its message, which will be taken again.
    pub(crate) fn cut_short(&self, count: u32) {
        self.inner.cut.store(true, Relaxed);
        self.untook(count);
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.inner.cut.load(Relaxed)
    }

    /// Whether the app drains and this lane may end in the midst of a message whose position has moved. Not where it has
    /// several sources: what waits for it of another may not come again.
    pub(crate) fn may_be_cut(&self) -> bool {
        self.branch.is_some() && self.inner.app.gates.is_draining()
    }

    /// The running number of the message in hand.
    pub(crate) fn number(&self) -> u64 {
        match self.here().number.load(Relaxed) {
            0 => self.counts().taken.get(),
            number => number,
        }
    }

    /// Takes over the number that another lane gave the message.
    pub(crate) fn set_number(&self, number: u64) {
        self.here().number.store(number, Relaxed);
    }

    /// What was pulled, for another lane.
    pub(crate) fn hand_over(&self) -> Option<Handed> {
        Some(self.track()?.hand_over(self.counts().held.get() > 0))
    }

    /// Takes over messages that another lane pulled; `false` if this one has done them already.
    pub(crate) fn take_over(&self, handed: Option<&Handed>) -> bool {
        let (Some(handed), Some(mut track)) = (handed, self.track()) else { return true };
        track.take_over(handed, &self.inner.app.state)
    }

    /// The names of the positions behind these, for this lane.
    pub(crate) fn places_behind(&self, ats: &[At]) -> Vec<(RowKey, Value)> {
        let mut places = Vec::new();
        if let Some(mut track) = self.track() {
            track.places_behind(ats.iter().copied(), |row, place| places.push((row, place)));
        }
        places
    }

    /// A pipe of ours leaves messages out.
    #[inline]
    pub(crate) fn filtered(&self, count: u32) {
        self.counts().left.add(count.into());
        self.counts().filtered.add(count.into());
    }

    /// A pipe of ours keeps messages for later; they hold the position back.
    pub(crate) fn held(&self, count: u32) {
        self.counts().left.add(count.into());
        self.counts().held.add(count.into());
    }

    /// A pipe of ours lets go of messages that it kept.
    pub(crate) fn released(&self, count: u32) {
        self.counts().held.sub(count.into());
        self.counts().came.add(count.into());
    }

    /// Another lane hands these over.
    pub(crate) fn in_hand(&self, count: u32) {
        self.counts().came.add(count.into());
    }

    /// These are handed to another lane.
    pub(crate) fn out_of_hand(&self, count: u32) {
        self.counts().left.add(count.into());
    }

    /// A pipe that is not ours went on without an output for these.
    pub(crate) fn absorbed(&self, count: u32) {
        self.counts().left.add(count.into());
        self.counts().absorbed.add(count.into());
    }

    /// Whether a call may be made again.
    #[inline]
    pub(crate) fn may_repeat(&self) -> bool {
        self.inner.about.may_repeat.load(Relaxed) || self.inner.app.uses_caches.load(Relaxed)
    }

    #[inline]
    pub(crate) fn at_handler(&self) {
        self.inner.stage.store(IN_HANDLER, Relaxed);
        self.inner.calls.add(1);
    }

    /// A new message is in hand.
    #[inline]
    pub(crate) fn begin(&self) {
        self.inner.yielded.store(0, Relaxed);
        self.at_handler();
    }

    /// The step waits for another try of a sink; each try may take as long as the first.
    pub(crate) fn rests(&self, rests: bool) {
        self.inner.resting.store(rests, Relaxed);
        self.inner.calls.add(1);
    }

    pub(crate) fn is_resting(&self) -> bool {
        self.inner.resting.load(Relaxed)
    }

    /// Numbers the calls.
    pub(crate) fn calls(&self) -> u64 {
        self.inner.calls.get()
    }

    /// Back in the handler's body, after an output of it went to the sinks.
    pub(crate) fn in_handler(&self) {
        self.inner.stage.store(IN_HANDLER, Relaxed);
    }

    #[inline]
    pub(crate) fn at_sink(&self, sink: usize) {
        self.inner.stage.store(IN_SINK + sink as u32, Relaxed);
    }

    #[inline]
    pub(crate) fn at_pipe(&self) {
        self.inner.stage.store(IN_PIPE, Relaxed);
    }

    pub(crate) fn stage(&self) -> Stage {
        match self.inner.stage.load(Relaxed) {
            IN_PIPE => Stage::Pipe,
            IN_HANDLER => Stage::Handle,
            sink => Stage::Sink((sink - IN_SINK) as usize),
        }
    }

    /// The counters of a sink.
    #[inline]
    pub(crate) fn outputs(&self, sink: usize) -> &Arc<Outputs> {
        &self.inner.outputs[sink]
    }

    pub(crate) fn gathered(&self) -> &Gathered {
        &self.inner.gathered
    }

    /// Writes a row or sends an item when the step ends.
    pub(crate) fn stage_item(
        &self,
        sink: usize,
        stage: impl FnOnce(&Shared, &mut Txn) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut buffers = self.inner.gathered.touch();
        stage(&self.inner.app, &mut buffers.txn)?;
        buffers.rows.push(sink);
        Ok(())
    }

    /// Sends a record when the step ends.
    pub(crate) fn stage_record(&self, sink: usize, record: Outgoing) {
        self.inner.gathered.touch().records.push((Some(sink), record));
    }

    /// A message could not be made; the lane asks for it after each poll of the pipe.
    pub(crate) fn fault(&self, fault: Fault) {
        self.inner.fault.lock().unwrap_or_else(PoisonError::into_inner).0 = Some(fault);
        self.inner.faulty.store(true, Relaxed);
    }

    #[inline]
    pub(crate) fn take_fault(&self, cx: &Context<'_>) -> Option<Fault> {
        if !self.inner.faulty.load(Relaxed) {
            return None;
        }
        self.inner.faulty.store(false, Relaxed);
        let (fault, waker) =
            std::mem::take(&mut *self.inner.fault.lock().unwrap_or_else(PoisonError::into_inner));
        // The lane asks again by itself; a pipe that polls with wakers of its own must be told to.
        if let Some(waker) = waker.filter(|waker| !waker.will_wake(cx.waker())) {
            waker.wake();
        }
        fault
    }

    /// Who is to ask again when the lane has taken the fault.
    pub(crate) fn fault_seen_by(&self, cx: &Context<'_>) {
        let mut fault = self.inner.fault.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) =
            fault.1.replace(cx.waker().clone()).filter(|before| !before.will_wake(cx.waker()))
        {
            before.wake();
        }
    }

    #[inline]
    pub(crate) fn has_fault(&self) -> bool {
        self.inner.faulty.load(Relaxed)
    }

    /// Nothing comes any more from this source: it has ended, or its queue is empty for good because the app drains.
    pub(crate) fn drained(&self) {
        self.here().drained.store(true, Relaxed);
    }

    pub(crate) fn is_drained(&self) -> bool {
        self.inner.branches.iter().all(|branch| branch.drained.load(Relaxed))
    }

    /// A pipe that is not ours asks for more (or no more) while these are in its hands.
    pub(crate) fn asks(&self, count: u32, asks: bool) {
        let asked = &self.here().asked;
        if asks {
            asked.fetch_add(count, Relaxed)
        } else {
            asked.fetch_sub(count, Relaxed)
        };
    }

    /// Whether no pipe is working on a message: what it has in its hands it keeps until more comes.
    pub(crate) fn pipes_rest(&self) -> bool {
        let rests = |branch: &Arc<Branch>| branch.counts.open() <= branch.asked.load(Relaxed).into();
        self.inner.branches.iter().all(rests)
    }

    /// Where the message in hand comes from, for the words of an error: its position if it has one.
    pub(crate) fn origin(&self) -> String {
        let source = self.source();
        match self.last() {
            Some(At { partition, offset, .. }) => format!("`{source}` partition {partition} offset {offset}"),
            None => format!("`{source}` message {}", self.number()),
        }
    }

    /// The position of the newest message.
    pub(crate) fn last(&self) -> Option<At> {
        self.track()?.last()
    }

    /// Sends a dead letter when the step ends.
    pub(crate) fn stage_letter(&self, record: Outgoing) {
        self.inner.gathered.touch().records.push((None, record));
    }
}
