//! What a handler tells the app of itself: the macro's `wire` fn is given a [`Wiring`] and fills it.

use super::lanes::{Joined, Joining, Member, OpenMerge, Plan};
use super::plan::Sketch;
use crate::checkpoint::Binds;
use crate::error::Result;
use crate::flow::{Feed, Flow, Foreign, Lent, Merged, Supply};
use crate::lane::{Bench, Crew, Lane, Lend, Spring, WAITING, Work, dispatch, drive, spread};
use crate::ledger::Messages;
use crate::needs::{Bound, Needs};
use crate::policy::{Policy, Verdict, stop};
use crate::pulled::Traced;
use crate::source::{Positions, Source, SourceId};
use crate::step::{About, Branch, Interrupt, Step, Track};
use futures_core::Stream;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Gathers what a handler is: its sources, its options, and how its lane runs.
pub struct Wiring<'a> {
    plan: &'a mut Plan,
    name: String,
    place: String,
    policy: Policy,
    timeout: Option<Duration>,
    buffer: Option<usize>,
    /// Whether it has a lane for each partition.
    by_partition: bool,
    sinks: Vec<String>,
    /// What of it only `plan` shows.
    sketch: Sketch,
}

/// How many messages wait between a source's lane and a handler with several sources.
const BETWEEN: usize = 64;

/// How many messages may wait for one handler: more would be a store.
const QUEUE: usize = 1_000_000;

/// How many lanes a handler may have: each is a task with a queue, and has positions of its own.
const LANES: usize = 10_000;

impl<'a> Wiring<'a> {
    pub(crate) fn new(plan: &'a mut Plan, name: &str, place: String) -> Self {
        plan.needs.place = format!("`{name}` at {place}");
        plan.needs.writes.clear();
        plan.needs.sink = None;
        (plan.needs.is_after, plan.needs.takes_downtime) = (false, false);
        Wiring {
            plan,
            name: name.to_owned(),
            place,
            policy: stop,
            timeout: None,
            buffer: None,
            by_partition: false,
            sinks: Vec::new(),
            sketch: Sketch::default(),
        }
    }

    /// Where arguments say what they need.
    pub fn needs(&mut self) -> &mut Needs {
        &mut self.plan.needs
    }

    /// Where the sink of this number says what it needs.
    pub fn sink(&mut self, number: usize) -> &mut Needs {
        self.plan.needs.sink = Some(number);
        &mut self.plan.needs
    }

    /// The pipes, as they are written.
    pub fn pipes(&mut self, pipes: &[&str]) {
        self.sketch.pipes = pipes.iter().map(|pipe| (*pipe).to_owned()).collect();
    }

    /// `name = "..."`.
    pub fn named(&mut self, name: &str) {
        name.clone_into(&mut self.name);
    }

    /// `on_error = ..`.
    pub fn on_error(&mut self, policy: Policy) {
        self.policy = policy;
        if let Verdict::Dead(letterbox) = policy.verdict {
            let topic = letterbox.named();
            self.plan.needs.writes(topic.slot);
            self.plan.needs.topic(topic);
        }
    }

    /// `after = [..]`.
    pub fn after(&mut self, checkpoint: impl Binds) {
        let bound = checkpoint.heart().after(&self.name);
        self.bind("after", bound);
    }

    /// `before = [..]`.
    pub fn before(&mut self, checkpoint: impl Binds) {
        let bound = checkpoint.heart().before(&self.name);
        self.bind("before", bound);
    }

    fn bind(&mut self, how: &str, bound: Result<Bound>) {
        match bound {
            Ok(bound) => {
                self.sketch.options.push(format!("{how} the checkpoint {}", bound.named.name));
                self.plan.needs.checkpoint(bound);
            }
            Err(error) => self.plan.problems.push(format!("{}: {error}", self.plan.needs.place)),
        }
    }

    /// `timeout = ..`.
    pub fn timeout(&mut self, limit: Duration) {
        self.timeout = Some(limit);
        self.sketch.options.push(format!("at most {limit:?} for a call"));
    }

    /// `buffer = n`: the handler may run up to this many messages behind its siblings.
    pub fn buffer(&mut self, messages: usize) {
        let messages = self.limited("buffer", messages, QUEUE);
        self.buffer = Some(messages);
        self.sketch.options.push(format!("up to {messages} messages behind the others of its source"));
    }

    /// `lanes = partitions`: a lane for each partition, with a pipe of its own.
    pub fn by_partition(&mut self) {
        self.by_partition = true;
        self.sketch.options.push("a lane for each partition".to_owned());
    }

    /// A number that is too large is a problem of the wiring, before something is made of that size.
    fn limited(&mut self, option: &str, wanted: usize, most: usize) -> usize {
        if wanted > most {
            let place = &self.plan.needs.place;
            self.plan.problems.push(format!("{place}: `{option}` is at most {most}, not {wanted}"));
        }
        wanted.clamp(1, most)
    }

    /// The sinks, as they are written.
    pub fn sinks(&mut self, sinks: &[&str]) {
        for (at, sink) in sinks.iter().enumerate() {
            // Each has a row of its own in the ledger, so that one cannot make up for another.
            let name = match sinks[..at].iter().filter(|before| *before == sink).count() {
                0 => (*sink).to_owned(),
                before => format!("{sink} {}", before + 1),
            };
            self.sinks.push(name);
        }
    }

    /// What is wrong only when all has been said.
    fn check(&mut self) {
        let needs = &self.plan.needs;
        if needs.takes_downtime && !needs.is_after {
            let place = &needs.place;
            self.plan
                .problems
                .push(format!("{place} takes a `Downtime`, of which only `after = [CHECKPOINT]` tells"));
        }
    }

    fn about(&mut self) -> Arc<About> {
        self.check();
        let who = self.plan.needs.place.clone();
        self.plan.sketches.push(Sketch { who, ..std::mem::take(&mut self.sketch) });
        Arc::new(About {
            name: self.name.clone(),
            place: self.place.clone(),
            policy: self.policy,
            timeout: self.timeout,
            sinks: self.sinks.clone(),
            stateful: AtomicBool::new(!self.plan.needs.writes.is_empty() || self.plan.writes_cache()),
            writes: self.plan.needs.writes.clone(),
            fills: Arc::default(),
            may_repeat: AtomicBool::new(self.policy != stop),
        })
    }

    /// A source that belongs to one handler is named after it; `plan` shows the expression.
    fn name_source<T>(&mut self, source: &mut Source<T>, number: usize) {
        if source.id == SourceId::Private {
            let name = if number == 0 {
                format!("{}.source", self.name)
            } else {
                format!("{}.source{}", self.name, number + 1)
            };
            let written = std::mem::replace(&mut source.name, name.clone());
            self.plan.expressions.insert(name, written);
        }
    }

    /// Notes whether there is a pipe in this flow that is not ours: nothing else than its type tells.
    fn sketch_flow<S>(&mut self) {
        let ours = std::any::type_name::<Foreign<()>>().trim_end_matches("<()>");
        self.sketch.has_foreign |= std::any::type_name::<S>().contains(ours);
    }

    /// The handler's one source, whose messages it takes by value, or behind a pipe.
    pub fn handle<T, S, U, D, P, F, Fut>(&mut self, source: Source<T>, pipe: P, run: F)
    where
        T: Send + Sync + 'static,
        S: Stream<Item = Traced<U, D>> + Unpin + Send + 'static,
        U: Send + 'static,
        D: Send + 'static,
        P: Fn(Flow<Feed<T>>) -> Flow<S> + Send + 'static,
        F: Fn(Lane<S, U, D>, Step) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = Result<(), Interrupt>> + Send + 'static,
    {
        self.join::<T, T, S, U, D, P, F, Fut>(source, pipe, run);
    }

    /// The handler's one source, whose messages it only looks at.
    pub fn handle_lent<T, F, Fut>(&mut self, source: Source<T>, run: F)
    where
        T: Send + Sync + 'static,
        F: Fn(Lane<Feed<Lent<T>>, Lent<T>, ()>, Step) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = Result<(), Interrupt>> + Send + 'static,
    {
        self.join::<T, Lent<T>, _, _, _, _, F, Fut>(source, |flow| flow, run);
    }

    fn join<T, W, S, U, D, P, F, Fut>(&mut self, mut source: Source<T>, pipe: P, run: F)
    where
        T: Send + Sync + 'static,
        W: Lend<T>,
        S: Stream<Item = Traced<U, D>> + Unpin + Send + 'static,
        U: Send + 'static,
        D: Send + 'static,
        P: Fn(Flow<Feed<W>>) -> Flow<S> + Send + 'static,
        F: Fn(Lane<S, U, D>, Step) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = Result<(), Interrupt>> + Send + 'static,
    {
        self.name_source(&mut source, 0);
        self.sketch_flow::<S>();
        let about = self.about();
        let name = about.name.clone();
        let (buffer, keep, by_partition) = (self.buffer, about.clone(), self.by_partition);
        if by_partition {
            // The lanes meet each other at what they share.
            about.may_repeat.store(true, std::sync::atomic::Ordering::Relaxed);
            if !matches!(source.positions, Positions::Topic(_)) {
                let place = &self.plan.needs.place;
                self.plan.problems.push(format!("{place}: `lanes = partitions` needs a topic as its source"));
            }
        }
        let join = Box::new(move |joining: Joining<T>| {
            let lane = move |supply, queued, gate: Arc<crate::gate::Gate>, step: Step| {
                let flow = pipe(Flow::new(Feed::new(supply, gate.clone(), step.clone()), step.clone()));
                let bench = Bench::new(flow, step.clone(), Some(gate), queued);
                crate::scope::enter(step.current(), drive(bench, step, run.clone()))
            };
            let gate = joining.gate.clone();
            if !by_partition {
                let step = Step::new(&joining.app, &about, vec![joining.branch(&about.name)]);
                let counts = step.counts().clone();
                let future = |supply, queued| lane(supply, queued, gate, step);
                return joined::<T, W, _>(joining.source, buffer, &counts, future);
            }
            let counts = joining.app.ledger.messages(&joining.name, &about.name);
            let inside = crate::scope::Current { app: joining.app.clone(), step: None };
            let (app, source, assigned) = (joining.app, joining.name, joining.assigned);
            let step = move || {
                let track = Track::new(&source, &about.name, None);
                Step::new(&app, &about, vec![Branch::new(&app, &source, &about.name, Some(track))])
            };
            let lane = move |supply, gate, step| lane(supply, true, gate, step);
            let kept = counts.clone();
            let future = move |supply, _| {
                let spring = Spring { supply, gate, counts: kept };
                crate::scope::enter(inside, spread(spring, assigned, buffer.unwrap_or(WAITING), step, lane))
            };
            let between = joining.source.is_none().then_some(WAITING);
            joined::<T, W, _>(joining.source, between, &counts, future)
        });
        let readers = vec![name.clone()];
        // With lanes of its own it may look at a message when others are done with it.
        let (lends, queued) = (W::LENDS && !by_partition, buffer.is_some() && !by_partition);
        self.add(
            keep,
            source,
            Member { name, readers, place: self.place.clone(), lends, queued, writes: Vec::new(), join },
        );
    }

    /// Adds the handler to the lane of its source, with the topics that it writes to.
    fn add<T: Send + Sync + 'static>(&mut self, about: Arc<About>, source: Source<T>, mut member: Member<T>) {
        member.writes = std::mem::take(&mut self.plan.needs.writes);
        self.plan.abouts.push(about);
        self.plan.add(source, member);
    }

    /// One source, whose messages are handled by several lanes behind one pipe.
    pub fn concurrent<T, S, U, D, P, H, F, Fut>(
        &mut self,
        lanes: usize,
        mut source: Source<T>,
        pipe: P,
        key: H,
        run: F,
    ) where
        T: Send + Sync + 'static,
        S: Stream<Item = Traced<U, D>> + Unpin + Send + 'static,
        U: Send + 'static,
        D: Send + 'static,
        P: FnOnce(Flow<Feed<T>>) -> Flow<S> + Send + 'static,
        H: Fn(&U) -> u32 + Send + 'static,
        F: Fn(Lane<Work<U, D>, U, D>, Step) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = Result<(), Interrupt>> + Send + 'static,
    {
        self.name_source(&mut source, 0);
        self.sketch_flow::<S>();
        let lanes = self.limited("concurrency", lanes, LANES);
        self.sketch.options.push(format!("up to {lanes} messages at once, in order for each key"));
        let about = self.about();
        about.may_repeat.store(true, std::sync::atomic::Ordering::Relaxed);
        let name = about.name.clone();
        let readers: Vec<String> = (0..lanes).map(|lane| format!("{name}#{lane}of{lanes}")).collect();
        let (buffer, keep, names) = (self.buffer, about.clone(), readers.clone());
        let join = Box::new(move |joining: Joining<T>| {
            let track = joining.positions.then(Track::dispatching);
            let step = Step::new(
                &joining.app,
                &about,
                vec![Branch::new(&joining.app, &joining.name, &about.name, track)],
            );
            let mut crew = Crew::new(joining.gate.clone());
            for reader in &names {
                let track = joining.track(reader);
                let branch = Branch::new(&joining.app, &joining.name, &about.name, track);
                crew.hire(&Step::new(&joining.app, &about, vec![branch]), run.clone());
            }
            let gate = joining.gate.clone();
            let future = |supply, queued| {
                let flow = pipe(Flow::new(Feed::new(supply, gate.clone(), step.clone()), step.clone()));
                let bench = Bench::new(flow, step.clone(), Some(gate.clone()), queued);
                crate::scope::enter(step.current(), dispatch(bench, step.clone(), crew, key))
            };
            // Never in a shared source's own task: that ends when all have asked for more, and the lanes would with it.
            let buffer = buffer.or(joining.source.is_none().then_some(WAITING));
            joined(joining.source, buffer, step.counts(), future)
        });
        let queued = buffer.is_some();
        let place = self.place.clone();
        self.add(
            keep,
            source,
            Member { name, readers, place, lends: false, queued, writes: Vec::new(), join },
        );
    }

    /// Several sources, whose messages become `M`s.
    pub fn merge<M: Send + Sync + 'static>(&mut self) -> Merge<'_, 'a, M> {
        Merge { wiring: self, branches: Vec::new() }
    }
}

/// Joins a handler to its lane: it reads the source itself, or from a queue, or is handed each message.
fn joined<T, U, Fut>(
    source: Option<crate::pulled::Opened<T>>,
    buffer: Option<usize>,
    counts: &Arc<Messages>,
    future: impl FnOnce(Supply<U>, bool) -> Fut,
) -> Joined<T>
where
    T: Send + 'static,
    U: Lend<T>,
    Fut: Future<Output = Result<()>> + Send + 'static,
{
    match (source, buffer) {
        (Some(opened), None) => Joined::Direct(Box::pin(future(Supply::Direct(U::opened(opened)), false))),
        (_, Some(messages)) => {
            let (sender, receiver) = tokio::sync::mpsc::channel(messages);
            let future = Box::pin(future(Supply::Queue(receiver), true));
            Joined::forward::<U>(sender, counts.clone(), Some(future))
        }
        (None, None) => {
            let slot = crate::flow::Slot::new();
            // While the app drains it ends by itself only behind the end of the source, in case a pipe does not.
            let future = Box::pin(future(Supply::Slot(slot.clone()), true));
            Joined::inline(slot, future)
        }
    }
}

/// Where a branch leaves its stream when it is joined to its lane, and the handler finds it.
type Landing<M> = Arc<std::sync::Mutex<Option<Box<dyn FnOnce(&Step) -> Merging<M> + Send>>>>;

/// A branch's messages, on their way to the handler.
type Merging<M> = std::pin::Pin<Box<dyn Stream<Item = Traced<M, ()>> + Send>>;

/// The sources of a handler that has several.
pub struct Merge<'w, 'a, M> {
    wiring: &'w mut Wiring<'a>,
    branches: Vec<Pending<M>>,
}

struct Pending<M> {
    landing: Landing<M>,
    branch: Arc<std::sync::Mutex<Option<(Branch, Arc<crate::gate::Gate>)>>>,
}

impl<M: Send + Sync + 'static> Merge<'_, '_, M> {
    /// One of the sources, with a pipe of its own, and how its messages become the handler's.
    pub fn source<T, S, U, D, P, C>(&mut self, mut source: Source<T>, pipe: P, convert: C)
    where
        T: Send + Sync + 'static,
        S: Stream<Item = Traced<U, D>> + Unpin + Send + 'static,
        U: 'static,
        D: 'static,
        P: FnOnce(Flow<Feed<T>>) -> Flow<S> + Send + 'static,
        C: Fn(U) -> M + Send + 'static,
    {
        use futures_util::StreamExt as _;
        let number = self.branches.len();
        self.wiring.name_source(&mut source, number);
        self.wiring.sketch_flow::<S>();
        let name = self.wiring.name.clone();
        let pending = Pending { landing: Arc::default(), branch: Arc::default() };
        let (landing, place) = (pending.landing.clone(), pending.branch.clone());
        self.branches.push(pending);
        let handler = name.clone();
        let capacity = self.wiring.buffer.unwrap_or(BETWEEN);
        let join = Box::new(move |joining: Joining<T>| {
            let (sender, receiver) = tokio::sync::mpsc::channel(capacity);
            let branch = joining.branch(&handler);
            let counts = branch.counts.clone();
            let gate = joining.gate.clone();
            *crate::app::lanes::lock(&place) = Some((branch, gate.clone()));
            let land: Box<dyn FnOnce(&Step) -> Merging<M> + Send> = Box::new(move |step: &Step| {
                let step = step.branch(number);
                let flow = Flow::new(Feed::new(Supply::Queue(receiver), gate, step.clone()), step);
                pipe(flow)
                    .stages
                    .map(move |traced| Traced { item: convert(traced.item), about: (), count: traced.count })
                    .boxed()
            });
            *crate::app::lanes::lock(&landing) = Some(land);
            Joined::forward::<T>(sender, counts, None)
        });
        let (place, writes) = (self.wiring.place.clone(), Vec::new());
        self.wiring.plan.add(
            source,
            Member { readers: vec![name.clone()], name, place, lends: false, queued: true, writes, join },
        );
    }

    /// How the handler runs over all of them.
    pub fn handle<F, Fut>(self, run: F)
    where
        F: Fn(Lane<Merged<M>, M, ()>, Step) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), Interrupt>> + Send + 'static,
    {
        let about = self.wiring.about();
        self.wiring.plan.abouts.push(about.clone());
        let writes = std::mem::take(&mut self.wiring.plan.needs.writes);
        let branches = self.branches;
        let name = about.name.clone();
        let open: OpenMerge = Box::new(move |app| {
            let mut landings = Vec::new();
            let mut kept = Vec::new();
            let mut gates = Vec::new();
            for pending in branches {
                // All lanes are joined before any merge is opened.
                let (Some((branch, gate)), Some(land)) = (
                    crate::app::lanes::lock(&pending.branch).take(),
                    crate::app::lanes::lock(&pending.landing).take(),
                ) else {
                    continue;
                };
                kept.push(branch);
                gates.push(gate);
                landings.push(land);
            }
            let step = Step::new(app, &about, kept);
            let merged = Merged::new(landings.into_iter().map(|land| land(&step)).collect(), step.clone());
            let bench =
                Bench::new(Flow::new(merged, step.clone()), step.clone(), gates.into_iter().next(), true);
            let future = Box::pin(crate::scope::enter(step.current(), drive(bench, step, run)));
            super::job::Job { name: about.name.clone(), is_source: false, future, writes }
        });
        self.wiring.plan.merges.push((name, open));
    }
}
