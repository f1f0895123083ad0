//! The lanes of an app: which handlers share which source, and how they are joined to it.

use super::job::Job;
use super::plan::Sketch;
use crate::error::Result;
use crate::flow::{Parcel, Slot};
use crate::gate::Gate;
use crate::lane::{Consumer, Forward, Inline, Lend, Pump};
use crate::ledger::Messages;
use crate::needs::{Need, Needs};
use crate::pulled::Opened;
use crate::scope::Shared;
use crate::source::{Opening, Positions, Source, SourceId, TopicUse};
use crate::step::{About, Branch, Resumes, Track};
use std::any::Any;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{mpsc, watch};

type Task = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All that the handlers of an app have said, before anything runs.
#[derive(Default)]
pub(crate) struct Plan {
    pub(crate) lanes: Vec<Box<dyn AnyLane>>,
    by_id: HashMap<SourceId, usize>,
    pub(crate) needs: Needs,
    pub(crate) abouts: Vec<Arc<About>>,
    /// What `plan` shows beside that, one for each of them.
    pub(crate) sketches: Vec<Sketch>,
    /// What sources are called that belong to one handler, by their names.
    pub(crate) expressions: HashMap<String, String>,
    /// Handlers with several sources, opened when all lanes are.
    pub(crate) merges: Vec<(String, OpenMerge)>,
    /// What was wrong already when the handlers were asked.
    pub(crate) problems: Vec<String>,
}

/// Opens the lane of a handler with several sources.
pub(crate) type OpenMerge = Box<dyn FnOnce(&Arc<Shared>) -> Job + Send>;

impl Plan {
    /// Adds a handler to the lane of its source.
    pub(crate) fn add<T: Send + Sync + 'static>(&mut self, source: Source<T>, member: Member<T>) {
        match &source.positions {
            Positions::Topic(topic) => self.needs.topic(topic.named.clone()),
            Positions::Queue(queue) if queue.is_cache => self.needs.cache(queue.named.clone()),
            Positions::Queue(queue) => self.needs.channel(queue.named.clone()),
            Positions::None | Positions::Own => {}
        }
        let known = match source.id {
            SourceId::Private => None,
            id => self.by_id.get(&id).copied(),
        };
        if let Some(lane) = known.and_then(|index| self.lanes[index].as_any().downcast_mut::<SourceLane<T>>())
        {
            lane.members.push(member);
            return;
        }
        self.by_id.insert(source.id, self.lanes.len());
        self.lanes.push(Box::new(SourceLane { source, members: vec![member] }));
    }

    /// Whether the handler that is being wired has a cache among its sinks.
    pub(crate) fn writes_cache(&self) -> bool {
        let place = &self.needs.place;
        self.needs.all.iter().any(|(who, need)| who == place && matches!(need, Need::Cache(_)))
    }
}

/// A handler of a source.
pub(crate) struct Member<T> {
    pub(crate) name: String,
    /// The names of its positions: its own, or one for each of its lanes.
    pub(crate) readers: Vec<String>,
    pub(crate) place: String,
    pub(crate) lends: bool,
    /// Whether it runs in a task of its own, behind a queue.
    pub(crate) queued: bool,
    pub(crate) writes: Vec<usize>,
    pub(crate) join: Box<dyn FnOnce(Joining<T>) -> Joined<T> + Send>,
}

/// What a handler is joined to its lane with.
pub(crate) struct Joining<T> {
    pub(crate) app: Arc<Shared>,
    pub(crate) name: Arc<str>,
    pub(crate) gate: Arc<Gate>,
    /// Whether the source has positions.
    pub(crate) positions: bool,
    pub(crate) resumes: Option<Arc<Resumes>>,
    /// The partitions of a topic that this process has.
    pub(crate) assigned: watch::Receiver<Option<Vec<u32>>>,
    /// The source itself, for its only handler.
    pub(crate) source: Option<Opened<T>>,
}

impl<T> Joining<T> {
    /// The source, as this handler sees it.
    pub(crate) fn branch(&self, handler: &str) -> Branch {
        Branch::new(&self.app, &self.name, handler, self.track(handler))
    }

    /// The positions of a handler, or of one of its lanes.
    pub(crate) fn track(&self, reader: &str) -> Option<Track> {
        self.positions.then(|| Track::new(&self.name, reader, self.resumes.clone()))
    }
}

/// How a handler was joined.
pub(crate) enum Joined<T> {
    /// It reads the source itself.
    Direct(Task),
    /// It is handed each message; and has a task of its own, if it does not run in the lane's.
    Handed(Box<dyn Consumer<T>>, Option<Task>),
}

impl<T: Send + 'static> Joined<T> {
    pub(crate) fn inline<U: Lend<T>>(slot: Arc<Slot<U>>, future: Task) -> Self {
        Joined::Handed(Box::new(Inline { slot, future: Some(future) }), None)
    }

    pub(crate) fn forward<U: Lend<T>>(
        sender: mpsc::Sender<Parcel<U>>,
        counts: Arc<Messages>,
        task: Option<Task>,
    ) -> Self {
        Joined::Handed(Box::new(Forward::new(sender, counts)), task)
    }
}

/// A source with its handlers, whatever its type of message.
pub(crate) trait AnyLane: Send {
    fn as_any(&mut self) -> &mut dyn Any;

    fn id(&self) -> SourceId;

    fn name(&self) -> &str;

    fn rename(&mut self, name: String);

    fn positions(&self) -> &Positions;

    fn topic(&self) -> Option<&TopicUse> {
        match self.positions() {
            Positions::Topic(topic) => Some(topic),
            Positions::None | Positions::Own | Positions::Queue(_) => None,
        }
    }

    /// The topic or channel that it reads, by number.
    fn reads(&self) -> Option<usize> {
        match self.positions() {
            Positions::Topic(topic) => Some(topic.named.slot),
            Positions::Queue(queue) => Some(queue.named.slot),
            Positions::None | Positions::Own => None,
        }
    }

    /// Whether its messages have positions.
    fn has_positions(&self) -> bool {
        match self.positions() {
            Positions::None => false,
            Positions::Topic(_) | Positions::Own => true,
            Positions::Queue(queue) => queue.kept,
        }
    }

    /// The handlers, with their places.
    fn members(&self) -> Vec<(String, String)>;

    /// The names of its handlers' positions.
    fn readers(&self) -> Vec<String>;

    /// The topics that its handlers write to.
    fn writes(&self) -> Vec<usize>;

    /// The handlers that take a message by value which they cannot all have.
    fn cannot_share(&self) -> Option<Vec<String>>;

    /// Opens the source, and makes the tasks of the lane.
    fn open(self: Box<Self>, opening: &Opening) -> Result<Vec<Job>>;
}

/// A source with its handlers.
struct SourceLane<T> {
    source: Source<T>,
    members: Vec<Member<T>>,
}

impl<T: Send + Sync + 'static> AnyLane for SourceLane<T> {
    fn as_any(&mut self) -> &mut dyn Any {
        self
    }

    fn id(&self) -> SourceId {
        self.source.id
    }

    fn name(&self) -> &str {
        &self.source.name
    }

    fn rename(&mut self, name: String) {
        self.source.name = name;
    }

    fn positions(&self) -> &Positions {
        &self.source.positions
    }

    fn members(&self) -> Vec<(String, String)> {
        self.members.iter().map(|member| (member.name.clone(), member.place.clone())).collect()
    }

    fn readers(&self) -> Vec<String> {
        self.members.iter().flat_map(|member| member.readers.clone()).collect()
    }

    fn writes(&self) -> Vec<usize> {
        self.members.iter().flat_map(|member| member.writes.clone()).collect()
    }

    fn cannot_share(&self) -> Option<Vec<String>> {
        if self.source.copy.is_some() {
            return None;
        }
        // The last to be served can have the message itself, if nobody still looks at it; whoever comes before needs a
        // copy.
        let owner = self.members.iter().position(|member| !member.lends)?;
        let looks_late = |member: &&Member<T>| member.lends && member.queued;
        let other = match self.members.get(owner + 1) {
            Some(next) => self.members[owner + 1..].iter().find(|member| !member.lends).unwrap_or(next),
            None => self.members.iter().find(looks_late)?,
        };
        let named = |member: &Member<T>| format!("`{}` at {}", member.name, member.place);
        Some(vec![named(&self.members[owner]), named(other)])
    }

    fn open(self: Box<Self>, opening: &Opening) -> Result<Vec<Job>> {
        let gate = opening.app.gates.of(&opening.name);
        let inside = crate::scope::Current { app: opening.app.clone(), step: None };
        let opened = crate::scope::enter_sync(inside, || (self.source.open)(opening))?;
        let positions = self.has_positions();
        let joining = |source| Joining {
            app: opening.app.clone(),
            name: opening.name.clone(),
            gate: gate.clone(),
            positions,
            resumes: opening.resumes.clone(),
            assigned: opening.assigned.subscribe(),
            source,
        };
        let mut members = self.members;
        if members.len() == 1 && !members[0].queued {
            let Member { name, writes, join, .. } = members.remove(0);
            return Ok(match join(joining(Some(opened))) {
                Joined::Direct(future) => vec![Job { name, is_source: false, future, writes }],
                Joined::Handed(..) => Vec::new(),
            });
        }
        let (mut jobs, mut consumers, mut inline_writes) = (Vec::new(), Vec::new(), Vec::new());
        for Member { name, writes, join, .. } in members {
            match join(joining(None)) {
                Joined::Handed(consumer, task) => {
                    consumers.push(consumer);
                    match task {
                        Some(future) => jobs.push(Job { name, is_source: false, future, writes }),
                        None => inline_writes.extend(writes),
                    }
                }
                Joined::Direct(future) => jobs.push(Job { name, is_source: false, future, writes }),
            }
        }
        let pump = Pump::new(opened, gate.clone(), consumers, self.source.copy);
        let inside = crate::scope::Current { app: opening.app.clone(), step: None };
        let future = Box::pin(crate::scope::enter(inside, pump));
        jobs.push(Job { name: opening.name.to_string(), is_source: true, future, writes: inline_writes });
        Ok(jobs)
    }
}
