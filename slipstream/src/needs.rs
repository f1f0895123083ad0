//! What a handler needs of the app: gathered while it is wired, checked by preflight.

use crate::error::Result;
use crate::scope::Shared;
use std::any::TypeId;
use std::collections::BTreeSet;

/// Something that a handler names and the app must have.
pub(crate) enum Need {
    /// A value given by `App::state`.
    State { id: TypeId, types: &'static str },
    /// A static topic.
    Topic(Named),
    /// A static cache.
    Cache(Named),
    /// A static channel.
    Channel(Named),
    /// A checkpoint that the handler is bound to.
    Checkpoint(Bound),
}

/// A static, by its name and its number; two of one name must be one static.
#[derive(Clone)]
pub(crate) struct Named {
    pub(crate) name: &'static str,
    pub(crate) slot: usize,
    pub(crate) types: &'static str,
    /// Makes it ready before the first message: a topic, that it is there with the right number of partitions; a cache with
    /// a bound, that it evicts.
    pub(crate) prepare: Option<Prepare>,
}

/// A checkpoint, as a handler is bound to it.
pub(crate) struct Bound {
    pub(crate) named: Named,
    pub(crate) handler: String,
    /// Whether it beats for it; else it is its dependent.
    pub(crate) beats: bool,
    /// Is told the handler and its source before the first message.
    pub(crate) ready: Ready,
}

/// Makes a checkpoint ready for a handler of a source.
pub(crate) type Ready =
    std::sync::Arc<dyn Fn(&std::sync::Arc<Shared>, &str, &str) -> Result<()> + Send + Sync>;

/// Makes a static ready.
pub(crate) type Prepare = std::sync::Arc<dyn Fn(&std::sync::Arc<Shared>) -> Result<()> + Send + Sync>;

/// A topic that dead letters are sent to.
pub(crate) trait Letterbox: Sync {
    /// The topic.
    fn named(&'static self) -> Named;
}

/// What the handlers of an app need.
#[derive(Default)]
pub struct Needs {
    /// With the place of the handler that needs it.
    pub(crate) all: Vec<(String, Need)>,
    pub(crate) place: String,
    /// Whether the handler that is being wired is told of downtimes, and whether it takes them as an argument.
    pub(crate) is_after: bool,
    pub(crate) takes_downtime: bool,
    /// The topics and channels that the handler which is being wired writes to, by number.
    pub(crate) writes: Vec<usize>,
    /// The number of the sink that says what it needs.
    pub(crate) sink: Option<usize>,
    /// What is behind sinks that are statics: the place of the handler, the sink's number, and the need's in `all`.
    pub(crate) sinks: Vec<(String, usize, usize)>,
}

impl Needs {
    pub(crate) fn state(&mut self, id: TypeId, types: &'static str) {
        self.all.push((self.place.clone(), Need::State { id, types }));
    }

    /// The names of all topics.
    pub(crate) fn topics(&self) -> BTreeSet<&'static str> {
        let name = |(_, need): &(String, Need)| match need {
            Need::Topic(named) => Some(named.name),
            _ => None,
        };
        self.all.iter().filter_map(name).collect()
    }

    pub(crate) fn topic(&mut self, named: Named) {
        self.named(Need::Topic(named));
    }

    pub(crate) fn cache(&mut self, named: Named) {
        self.named(Need::Cache(named));
    }

    pub(crate) fn channel(&mut self, named: Named) {
        self.named(Need::Channel(named));
    }

    fn named(&mut self, need: Need) {
        if let Some(sink) = self.sink.take() {
            self.sinks.push((self.place.clone(), sink, self.all.len()));
        }
        self.all.push((self.place.clone(), need));
    }

    pub(crate) fn checkpoint(&mut self, bound: Bound) {
        self.is_after |= !bound.beats;
        self.all.push((self.place.clone(), Need::Checkpoint(bound)));
    }

    pub(crate) fn writes(&mut self, topic: usize) {
        self.writes.push(topic);
    }
}
