//! Which app is meant: the one that runs the task, or the process's only one.

use crate::clock::Clock;
use crate::config::Config;
use crate::error::{Error, ErrorKind, Result};
use crate::gate::Gates;
use crate::ledger::Ledger;
use crate::log::{Ack, Log, Outgoing, Written};
use crate::steps::{Goal, Pending, Place, Queue, State, Txn, Value, place_row};
use crate::store::RowKey;
use std::any::{Any, TypeId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, Weak};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

/// Whose source has come to its end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum EndOf<'a> {
    Handler(&'a str),
    /// That which takes from a source for several handlers.
    Source(&'a str),
}

/// What a running app owns, for all that finds it through [`current`].
pub(crate) struct Shared {
    pub(crate) id: String,
    pub(crate) config: Config,
    pub(crate) clock: Clock,
    pub(crate) ledger: Ledger,
    pub(crate) state: State,
    pub(crate) log: OnceLock<Arc<dyn Log>>,
    /// The topics that nothing is written to, and whether there are any.
    dry: RwLock<BTreeSet<Arc<str>>>,
    has_dry: AtomicBool,
    pub(crate) gates: Gates,
    /// Values given by `App::state`, by type.
    pub(crate) states: HashMap<TypeId, Arc<dyn Any + Send + Sync>>,
    /// The app's own half of statics, by slot.
    slots: RwLock<Vec<Option<Arc<dyn Any + Send + Sync>>>>,
    /// The handlers of each topic that is read: each has a position of its own.
    readers: Mutex<BTreeMap<String, Vec<String>>>,
    /// Whether anybody takes from a cache or a channel, or looks on: else nobody needs asking which.
    pub(crate) listeners: AtomicBool,
    /// The queues of channels and caches that a handler takes from, by their number.
    queues: RwLock<BTreeMap<usize, Arc<Queue>>>,
    /// Tells of each handler how many messages its pipes keep until more comes.
    kept_by_pipes: Mutex<Vec<Box<dyn Fn() -> u64 + Send + Sync>>>,
    /// Told when a lane has come to the end of its source: a handler's name, or a source's, which may be the same.
    on_end: Mutex<Vec<Box<dyn Fn(EndOf<'_>) + Send + Sync>>>,
    /// Told what counts the outputs that a commit waits for, so that they are handed over at once.
    on_cut: Mutex<Vec<Box<dyn Fn(&Pending) + Send + Sync>>>,
    /// Tasks that work for lanes and caches, and go on when lanes have ended; `None` once the app is closed.
    workers: Mutex<Option<JoinSet<()>>>,
    /// Where they run, whoever starts them.
    runtime: Handle,
    /// The caches that the state had indexes of when somebody looked first.
    pub(crate) indexes: OnceLock<BTreeSet<Vec<u8>>>,
    /// Tell whether there is room in what is kept small beside the lanes, as a cache with a size.
    bounded: RwLock<Vec<Box<dyn Fn() -> bool + Send + Sync>>>,
    is_bounded: AtomicBool,
    /// Whether anything has used a cache: then a call may have to be made again.
    pub(crate) uses_caches: AtomicBool,
    /// Whether it only looks whether it could run: then it makes no topic.
    pub(crate) only_checks: AtomicBool,
    failure: Mutex<Option<Error>>,
    /// Told when something failed outside of a lane, as a record's delivery.
    pub(crate) failed: tokio::sync::Notify,
}

impl Shared {
    pub(crate) fn new(
        config: Config,
        clock: Clock,
        state: State,
        states: HashMap<TypeId, Arc<dyn Any + Send + Sync>>,
    ) -> Arc<Self> {
        Arc::new(Shared {
            id: config.app_id(),
            config,
            clock,
            ledger: Ledger::default(),
            state,
            log: OnceLock::new(),
            dry: RwLock::default(),
            has_dry: AtomicBool::new(false),
            gates: Gates::default(),
            states,
            slots: RwLock::default(),
            readers: Mutex::default(),
            listeners: AtomicBool::new(false),
            queues: RwLock::default(),
            kept_by_pipes: Mutex::default(),
            on_end: Mutex::default(),
            on_cut: Mutex::default(),
            workers: Mutex::new(Some(JoinSet::new())),
            runtime: Handle::current(),
            indexes: OnceLock::new(),
            bounded: RwLock::default(),
            is_bounded: AtomicBool::new(false),
            uses_caches: AtomicBool::new(false),
            only_checks: AtomicBool::new(false),
            failure: Mutex::default(),
            failed: tokio::sync::Notify::new(),
        })
    }

    /// Makes this app findable from outside of its tasks, until it is dropped.
    pub(crate) fn announce(self: &Arc<Self>) {
        let mut running = running();
        running.retain(|app| app.strong_count() > 0);
        running.push(Arc::downgrade(self));
    }

    pub(crate) fn retire(self: &Arc<Self>) {
        running().retain(|app| !std::ptr::eq(app.as_ptr(), Arc::as_ptr(self)));
    }

    /// Lanes wait before their next step while this says that there is no room.
    pub(crate) fn bound(&self, has_room: impl Fn() -> bool + Send + Sync + 'static) {
        self.bounded.write().unwrap_or_else(PoisonError::into_inner).push(Box::new(has_room));
        self.is_bounded.store(true, Ordering::Release);
    }

    /// Whether steps may write more.
    pub(crate) fn has_room(&self) -> bool {
        let bounded = || self.bounded.read().unwrap_or_else(PoisonError::into_inner);
        let is_bounded = self.is_bounded.load(Ordering::Acquire);
        self.state.has_room() && (!is_bounded || bounded().iter().all(|has_room| has_room()))
    }

    /// What a topic is called on the broker.
    pub(crate) fn topic_name(&self, name: &str) -> Arc<str> {
        self.config.get(&format!("topic.{name}.name")).unwrap_or(name).into()
    }

    /// Notes who reads a topic.
    pub(crate) fn reads(&self, source: &str, handlers: Vec<String>) {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).insert(source.to_owned(), handlers);
    }

    /// The least position of a topic's handlers in a partition, if all of them have one.
    pub(crate) fn least_place(&self, source: &str, partition: u32) -> Result<Option<i64>> {
        self.least(source, partition, |row| self.state.place(row))
    }

    /// The same, as it is after a restart.
    pub(crate) fn least_committed(&self, source: &str, partition: u32) -> Result<Option<i64>> {
        self.least(source, partition, |row| self.state.committed_place(row))
    }

    fn least(
        &self,
        source: &str,
        partition: u32,
        place: impl Fn(&[u8]) -> Result<Option<Place>>,
    ) -> Result<Option<i64>> {
        let readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner).get(source).cloned();
        let mut least = None;
        for handler in readers.unwrap_or_default() {
            match place(&place_row(source, &handler, partition))? {
                Some(place) => least = Some(least.map_or(place.offset, |least: i64| least.min(place.offset))),
                None => return Ok(None),
            }
        }
        Ok(least)
    }

    /// Whether a handler reads this topic.
    pub(crate) fn is_read(&self, source: &str) -> bool {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).contains_key(source)
    }

    /// The epoch of a topic's partition: how many seeks have been before it was last sought.
    pub(crate) fn epoch(&self, source: &str, partition: u32) -> u32 {
        let readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let reader = readers.get(source).and_then(|readers| readers.first());
        reader.map_or(0, |reader| self.state.epoch(&place_row(source, reader, partition)))
    }

    /// Moves the positions of a topic's handlers when the step ends. `false`: nobody reads it.
    pub(crate) fn seek(&self, txn: &mut Txn, source: &str, to: &[(u32, Goal)]) -> bool {
        let readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner).get(source).cloned();
        let Some(readers) = readers else { return false };
        for (partition, to) in to {
            let rows: Vec<_> = readers.iter().map(|reader| place_row(source, reader, *partition)).collect();
            self.state.seek(txn, &rows, *to);
        }
        true
    }

    /// The same in a step of its own.
    pub(crate) fn seek_now(&self, source: &str, to: &[(u32, Goal)]) -> Result<()> {
        self.state.outside(|txn| {
            self.seek(txn, source, to);
            Ok(())
        })?;
        to.iter().for_each(|(partition, _)| self.reread(source, *partition));
        Ok(())
    }

    /// Moves the positions of a topic's handlers onward: others have done what is before.
    pub(crate) fn go_on(&self, source: &str, partition: u32, offset: i64) {
        let readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner).get(source).cloned();
        let rows = readers.iter().flatten().map(|reader| place_row(source, reader, partition));
        let place = |row: RowKey| {
            let place = Place { offset, yields: 0, epoch: self.state.epoch(&row) };
            (row, Value::Place(place))
        };
        self.state.move_places(&rows.map(place).collect::<Vec<_>>());
    }

    /// A topic's partition is read from where its positions are now.
    pub(crate) fn reread(&self, source: &str, partition: u32) {
        if let Some(log) = self.log.get() {
            log.reread(&self.topic_name(source), partition);
        }
    }

    /// Somebody takes from a cache or a channel, or looks on.
    pub(crate) fn has_listeners(&self) {
        self.listeners.store(true, Ordering::Relaxed);
    }

    /// The queue of a channel or a cache, if a handler takes from it.
    pub(crate) fn queue(&self, channel: usize) -> Option<Arc<Queue>> {
        self.queues.read().unwrap_or_else(PoisonError::into_inner).get(&channel).cloned()
    }

    pub(crate) fn add_queue(&self, channel: usize, queue: Arc<Queue>) {
        self.has_listeners();
        self.queues.write().unwrap_or_else(PoisonError::into_inner).insert(channel, queue);
    }

    /// A handler takes no more messages. One that ends because the app drains is none of these.
    pub(crate) fn leaves(&self, handler: &str) {
        if !self.gates.is_draining() {
            let queues = self.queues.read().unwrap_or_else(PoisonError::into_inner);
            queues.values().for_each(|queue| queue.leave(handler));
        }
    }

    /// Whether there may be room in a queue at some time.
    ///
    /// # Errors
    /// If it is full, and who should make room takes no more.
    pub(crate) fn may_have_room(&self, queue: &Queue) -> Result<()> {
        let held = queue.held_by().filter(|_| !self.gates.is_draining());
        let Some((name, handler)) = held else { return Ok(()) };
        let text = format!(
            "`{name}` is full, and stays so, since `{handler}`, which takes from it, has ended: if it has a pipe that ends, let \
             it leave messages out instead"
        );
        Err(Error::new(ErrorKind::Misuse, text))
    }

    /// Adds a handler to those that are asked what their pipes keep.
    pub(crate) fn asks(&self, kept_by_pipes: Box<dyn Fn() -> u64 + Send + Sync>) {
        self.kept_by_pipes.lock().unwrap_or_else(PoisonError::into_inner).push(kept_by_pipes);
    }

    /// Adds one who is told when a lane has come to the end of its source.
    pub(crate) fn on_end(&self, told: Box<dyn Fn(EndOf<'_>) + Send + Sync>) {
        self.on_end.lock().unwrap_or_else(PoisonError::into_inner).push(told);
    }

    /// A lane has come to the end of its source.
    pub(crate) fn ended(&self, job: EndOf<'_>) {
        self.on_end.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|told| told(job));
    }

    /// Adds one who is told when a commit waits for outputs.
    pub(crate) fn on_cut(&self, hurry: Box<dyn Fn(&Pending) + Send + Sync>) {
        self.on_cut.lock().unwrap_or_else(PoisonError::into_inner).push(hurry);
    }

    /// A commit waits for the outputs that are counted by this.
    pub(crate) fn hurry(&self, cut: &Pending) {
        self.on_cut.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|hurry| hurry(cut));
    }

    /// Starts a task that works until the app is closed; not after that.
    pub(crate) fn employ(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(workers) = &mut *self.workers.lock().unwrap_or_else(PoisonError::into_inner) {
            workers.spawn_on(work, &self.runtime);
        }
    }

    /// The tasks that work for lanes and caches, to be ended; there will be no more.
    pub(crate) fn dismiss(&self) -> JoinSet<()> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default()
    }

    /// How many messages were taken so far, if nothing is under way: no call, and no item in a channel.
    pub(crate) fn rest(&self) -> Option<u64> {
        if !self.queues.read().unwrap_or_else(PoisonError::into_inner).values().all(|queue| queue.is_read()) {
            return None;
        }
        let kept = self.kept_by_pipes.lock().unwrap_or_else(PoisonError::into_inner);
        self.ledger.at_rest(kept.iter().map(|kept| kept()).sum())
    }

    /// Reports what went wrong outside of a lane; the first report counts.
    pub(crate) fn fail(&self, error: Error) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.failed.notify_one();
    }

    pub(crate) fn take_failure(&self) -> Option<Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Nothing is written to a topic, by its name on the broker.
    pub(crate) fn is_dry(&self, topic: &Arc<str>) {
        self.dry.write().unwrap_or_else(PoisonError::into_inner).insert(topic.clone());
        self.has_dry.store(true, Ordering::Release);
    }

    /// Writes a record; one to a dry topic counts as written, and goes nowhere. Whether it went.
    pub(crate) fn produce(&self, log: &dyn Log, record: Outgoing, ack: Ack) -> bool {
        let dry = self.has_dry.load(Ordering::Acquire)
            && self.dry.read().unwrap_or_else(PoisonError::into_inner).contains(&record.topic);
        match dry {
            true => ack.tell(Ok(Written { partition: 0, offset: -1 })),
            false => log.produce(record, ack),
        }
        !dry
    }

    pub(crate) fn log(&self) -> Result<&Arc<dyn Log>> {
        self.log.get().ok_or_else(|| {
            Error::new(
                ErrorKind::Log,
                "this app has no broker: set `kafka.bootstrap.servers` to an address, or to `memory`",
            )
        })
    }
}

/// Where code runs: in which app, and inside of which step.
#[derive(Clone)]
pub(crate) struct Current {
    pub(crate) app: Arc<Shared>,
    /// What the lane's step gathers; `None` outside of a lane.
    pub(crate) step: Option<Arc<Gathered>>,
}

/// Where a step is.
#[derive(Clone, Default)]
pub(crate) struct Whereabouts {
    pub(crate) handler: String,
    pub(crate) source: Arc<str>,
    /// Of a source with positions, the first message of each partition that the one in hand is made of.
    pub(crate) begins: Vec<(u32, i64)>,
}

/// What a lane's step gathers until it ends; used for one step after another.
pub(crate) struct Gathered {
    /// Whether there is anything to end: most steps never touch state, and need not lock for it.
    touched: AtomicBool,
    buffers: Mutex<Buffers>,
    /// Tells where the step is.
    whereabouts: OnceLock<Box<dyn Fn() -> Option<Whereabouts> + Send + Sync>>,
    /// The queues that its lane waits for before a step.
    fills: Arc<OnceLock<Vec<Arc<Queue>>>>,
    /// What was found before a call, for its arguments.
    left: Mutex<Option<Box<dyn Any + Send>>>,
}

/// Something that a call has noted of its message, and notes once more where a policy passes over that.
pub(crate) type Note = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// The rows that a step read and wrote, and the records that it sends.
#[derive(Default)]
pub(crate) struct Buffers {
    pub(crate) txn: Txn,
    /// Records to be written when the step ends, with the sink that each came through.
    pub(crate) records: Vec<(Option<usize>, Outgoing)>,
    /// The sink that each row or item came through which a sink wrote.
    pub(crate) rows: Vec<usize>,
    /// The partitions that it seeks, with their sources.
    pub(crate) sought: Vec<(String, u32)>,
    /// What the records of each sink are acknowledged by, and the generation that it counts for: mostly the same as
    /// before.
    pub(crate) acks: Vec<Option<(Pending, Ack)>>,
    /// How many outputs wait in batches for the end of the step.
    pub(crate) batched: usize,
    /// What the call has noted of its message.
    pub(crate) notes: Vec<Note>,
}

impl Buffers {
    pub(crate) fn is_idle(&self) -> bool {
        self.txn.is_idle() && self.records.is_empty() && self.rows.is_empty() && self.batched == 0
    }

    /// How many outputs a commit is to wait for.
    pub(crate) fn outputs(&self) -> usize {
        self.records.len() + self.batched
    }
}

impl Gathered {
    pub(crate) fn new(txn: Txn, fills: Arc<OnceLock<Vec<Arc<Queue>>>>) -> Arc<Self> {
        let buffers = Mutex::new(Buffers { txn, ..Buffers::default() });
        let (touched, whereabouts, left) = (AtomicBool::new(false), OnceLock::new(), Mutex::default());
        Arc::new(Gathered { touched, buffers, whereabouts, fills, left })
    }

    /// The lane's step says where it is.
    pub(crate) fn told_by(&self, whereabouts: impl Fn() -> Option<Whereabouts> + Send + Sync + 'static) {
        // Each has one step, which says it once.
        let _ = self.whereabouts.set(Box::new(whereabouts));
    }

    /// The handler that the step is of, and the message that it has in hand.
    pub(crate) fn whereabouts(&self) -> Whereabouts {
        self.whereabouts.get().and_then(|tell| tell()).unwrap_or_default()
    }

    /// Leaves something for the arguments of a call.
    pub(crate) fn leave<T: Send + 'static>(&self, found: T) {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(found));
    }

    /// What was left last, if it is this.
    pub(crate) fn left<T: Clone + 'static>(&self) -> Option<T> {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        left.as_ref().and_then(|left| left.downcast_ref()).cloned()
    }

    /// The call notes something of its message, which is no matter of how the call ends.
    pub(crate) fn note(&self, note: impl Future<Output = Result<()>> + Send + 'static) {
        self.touch().notes.push(Box::pin(note));
    }

    /// What the call has noted.
    pub(crate) fn take_notes(&self) -> Vec<Note> {
        std::mem::take(&mut self.buffers.lock().unwrap_or_else(PoisonError::into_inner).notes)
    }

    /// Whether its lane has waited until a queue had room.
    pub(crate) fn waits_for(&self, queue: &Arc<Queue>) -> bool {
        self.fills.get().is_some_and(|fills| fills.iter().any(|filled| Arc::ptr_eq(filled, queue)))
    }

    #[inline]
    pub(crate) fn is_touched(&self) -> bool {
        self.touched.load(Ordering::Relaxed)
    }

    /// The buffers, to be filled.
    pub(crate) fn touch(&self) -> MutexGuard<'_, Buffers> {
        self.touched.store(true, Ordering::Relaxed);
        self.buffers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything has ended.
    pub(crate) fn ends(&self) {
        self.touched.store(false, Ordering::Relaxed);
    }

    /// The buffers out of their lock, if anything is in them: what follows may wait.
    pub(crate) fn lend(&self) -> Option<Lent<'_>> {
        self.is_touched().then(|| self.lend_all())
    }

    /// The buffers out of their lock, whatever is in them.
    pub(crate) fn lend_all(&self) -> Lent<'_> {
        let buffers = std::mem::take(&mut *self.touch());
        Lent { gathered: self, buffers }
    }
}

/// The buffers out of their lock. They go back also when what waits with them is dropped, as by a timeout.
pub(crate) struct Lent<'a> {
    gathered: &'a Gathered,
    buffers: Buffers,
}

impl Deref for Lent<'_> {
    type Target = Buffers;

    fn deref(&self) -> &Buffers {
        &self.buffers
    }
}

impl DerefMut for Lent<'_> {
    fn deref_mut(&mut self) -> &mut Buffers {
        &mut self.buffers
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        let buffers = std::mem::take(&mut self.buffers);
        let touched = !buffers.is_idle();
        *self.gathered.touch() = buffers;
        self.gathered.touched.store(touched, Ordering::Relaxed);
    }
}

tokio::task_local! {
    static CURRENT: Current;
    /// Set where outputs are handed over that a commit waits for.
    static DELIVERING: ();
}

/// Runs a future that a commit waits for.
pub(crate) fn delivering<F: Future>(future: F) -> impl Future<Output = F::Output> {
    DELIVERING.scope((), future)
}

/// Whether a commit waits for the caller.
pub(crate) fn is_delivering() -> bool {
    DELIVERING.try_with(|()| ()).is_ok()
}

/// The apps that run in this process.
static RUNNING: Mutex<Vec<Weak<Shared>>> = Mutex::new(Vec::new());

fn running() -> MutexGuard<'static, Vec<Weak<Shared>>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a future as part of an app.
pub(crate) fn enter<F: Future>(current: Current, future: F) -> impl Future<Output = F::Output> {
    CURRENT.scope(current, future)
}

/// Runs a function as part of an app.
pub(crate) fn enter_sync<T>(current: Current, run: impl FnOnce() -> T) -> T {
    CURRENT.sync_scope(current, run)
}

/// Where the caller runs; `what` was used there.
///
/// # Errors
/// Outside of any app, and where two could be meant.
pub(crate) fn current(what: impl Fn() -> String) -> Result<Current> {
    with_current(what, |current| Ok(current.clone()))
}

/// Runs with where the caller runs, which is not copied for it.
pub(crate) fn with_current<T>(
    what: impl Fn() -> String,
    run: impl FnOnce(&Current) -> Result<T>,
) -> Result<T> {
    let mut run = Some(run);
    let ran = CURRENT.try_with(|current| run.take().map(|run| run(current)));
    if let Ok(Some(ran)) = ran {
        return ran;
    }
    let running: Vec<_> = running().iter().filter_map(Weak::upgrade).collect();
    match (running.as_slice(), run) {
        ([app], Some(run)) => run(&Current { app: app.clone(), step: None }),
        ([] | [_], _) => Err(Error::new(
            ErrorKind::OutsideApp,
            format!(
                "{} was used outside of a running app: start one first, or use `running.scope(..)`",
                what()
            ),
        )),
        ([..], _) => Err(Error::new(
            ErrorKind::OutsideApp,
            format!("{} was used while several apps run: say which one by `running.scope(..)`", what()),
        )),
    }
}

/// The clock of the app that runs the caller, or the machine's.
pub(crate) fn clock() -> Clock {
    current(|| "the clock".to_owned()).map(|current| current.app.clock.clone()).unwrap_or_default()
}

/// A static's place in an app: what the app keeps for it.
pub(crate) struct Slot(AtomicUsize);

static NEXT_SLOT: AtomicUsize = AtomicUsize::new(1);

impl Slot {
    pub(crate) const fn new() -> Self {
        Slot(AtomicUsize::new(0))
    }

    /// A number that no other static has.
    pub(crate) fn index(&self) -> usize {
        let index = self.0.load(Ordering::Relaxed);
        if index != 0 {
            return index;
        }
        let fresh = NEXT_SLOT.fetch_add(1, Ordering::Relaxed);
        // Another thread may have been first: then its number counts.
        match self.0.compare_exchange(0, fresh, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => fresh,
            Err(taken) => taken,
        }
    }

    /// What the app keeps here, if it was ever asked for.
    pub(crate) fn get<T: Any + Send + Sync>(&self, app: &Shared) -> Option<Arc<T>> {
        let slots = app.slots.read().unwrap_or_else(PoisonError::into_inner);
        slots.get(self.index()).cloned().flatten()?.downcast().ok()
    }

    /// What the app keeps here; made when it is first asked for.
    pub(crate) fn of<T: Any + Send + Sync>(&self, app: &Shared, make: impl FnOnce() -> T) -> Result<Arc<T>> {
        let index = self.index();
        let kept = app.slots.read().unwrap_or_else(PoisonError::into_inner).get(index).cloned().flatten();
        let kept = match kept {
            Some(kept) => kept,
            None => {
                let mut slots = app.slots.write().unwrap_or_else(PoisonError::into_inner);
                if slots.len() <= index {
                    slots.resize(index + 1, None);
                }
                slots[index].get_or_insert_with(|| Arc::new(make())).clone()
            }
        };
        kept.downcast()
            .map_err(|_| Error::new(ErrorKind::Misuse, "a static changed its type while the app ran"))
    }
}
