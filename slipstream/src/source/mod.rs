//! What can be a source: a stream, an iterator, a fn that returns one, or a static.
//!
//! A path shares, a call does not: a fn item and a static have an identity, so that all handlers that name one read one
//! upstream; an expression is private to its handler. Sources know nothing of handlers.

mod kinds;
mod lines;
mod queue;
mod resume;
mod timer;

pub(crate) use kinds::{Private, Shared};
pub use lines::lines;
pub(crate) use queue::of_queue;
pub use resume::{At, Resume};
pub use timer::{every, iter};

use crate::error::{BoxError, Result};
use crate::log::{Delivery, Origin};
use crate::needs::Named;
use crate::pulled::{Fault, Opened, Pulled};
use crate::scope::Shared as App;
use crate::step::Resumes;
use futures_core::Stream;
use futures_util::StreamExt as _;
use std::any::TypeId;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, watch};

/// What a source is known by: handlers that name the same one share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum SourceId {
    /// A fn item, by its type.
    Fn(TypeId),
    /// A static, by its number.
    Static(usize),
    /// An expression: nothing else is it.
    Private,
}

/// When the end offsets are known at which a topic ends; never, for one that does not.
pub(crate) type Until = Option<Pin<Box<dyn Future<Output = Result<Vec<i64>>> + Send>>>;

/// What a topic's source needs before it is opened.
#[derive(Clone)]
pub(crate) struct TopicUse {
    pub(crate) named: Named,
    pub(crate) origin: Origin,
    pub(crate) until_end: bool,
}

/// What the source of a channel or of a cache needs before it is opened.
#[derive(Clone)]
pub(crate) struct QueueUse {
    pub(crate) named: Named,
    /// Whether its items are part of the state.
    pub(crate) kept: bool,
    /// What the rows of its items are named by.
    pub(crate) rows: String,
    /// Whether it is what is written to a cache.
    pub(crate) is_cache: bool,
}

/// Whether the messages of a source have positions, so that it can go on where it was.
#[derive(Clone)]
pub(crate) enum Positions {
    /// It cannot: what was under way when the process died is gone.
    None,
    /// Partitions and offsets.
    Topic(TopicUse),
    /// The source says them: see [`Resume`].
    Own,
    /// The numbers of a channel's items.
    Queue(QueueUse),
}

/// Opens a source for a lane: for a topic, with the positions of the lane's handlers to be filled in.
pub(crate) type Opener<T> = Arc<dyn Fn(&Opening) -> Result<Opened<T>> + Send + Sync>;

/// What a source is opened with.
pub(crate) struct Opening {
    pub(crate) app: Arc<App>,
    /// The source's name in this app.
    pub(crate) name: Arc<str>,
    /// Where a topic's records come from, and when it ends: one consumer reads for all lanes.
    pub(crate) topic: Mutex<Option<(mpsc::Receiver<Delivery>, Until)>>,
    /// The partitions of a topic that this process has, once that is known.
    pub(crate) assigned: watch::Sender<Option<Vec<u32>>>,
    /// Where a source with positions of its own goes on.
    pub(crate) resumes: Option<Arc<Resumes>>,
    /// The names of its handlers' positions.
    pub(crate) readers: Vec<String>,
    /// How many of the sources that a channel waits for have not ended.
    pub(crate) roots: Option<watch::Receiver<usize>>,
}

impl Opening {
    pub(crate) fn take_topic(&self) -> Option<(mpsc::Receiver<Delivery>, Until)> {
        self.topic.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A source, ready to be opened any number of times.
pub struct Source<T> {
    pub(crate) id: SourceId,
    pub(crate) name: String,
    pub(crate) open: Opener<T>,
    pub(crate) positions: Positions,
    pub(crate) copy: Option<fn(&T) -> T>,
}

impl<T: Send + 'static> Source<T> {
    pub(crate) fn of_stream<S>(
        id: SourceId,
        name: String,
        make: impl Fn() -> S + Send + Sync + 'static,
    ) -> Self
    where
        S: Stream<Item = T> + Send + 'static,
    {
        let open: Opener<T> = Arc::new(move |_| {
            Ok(Box::pin(make().map(|item| Pulled { item: Ok(item), at: None })) as Opened<T>)
        });
        Source { id, name, open, positions: Positions::None, copy: None }
    }

    /// A source with positions and faults of its own.
    pub(crate) fn of_pulled(id: SourceId, name: String, open: Opener<T>, positions: Positions) -> Self {
        Source { id, name, open, positions, copy: None }
    }
}

impl<T, E> Source<Result<T, E>>
where
    T: Send + 'static,
    E: Into<BoxError> + Send + 'static,
{
    /// Sets the errors that the source yields apart: they go to the policy, not to the handler.
    pub fn untry(self) -> Source<T> {
        let open = self.open;
        let open: Opener<T> = Arc::new(move |opening| {
            let opened = open(opening)?;
            Ok(Box::pin(opened.map(|Pulled { item, at }| {
                let item = item.and_then(|item| item.map_err(Fault::yielded));
                Pulled { item, at }
            })) as Opened<T>)
        });
        Source { id: self.id, name: self.name, open, positions: self.positions, copy: None }
    }
}

/// For sources that yield no `Result`.
pub trait Untry: Sized {
    /// The source as it is.
    fn untry(self) -> Self {
        self
    }
}

impl<T> Untry for Source<T> {}

impl<T: Clone> Source<T> {
    /// Notes how its messages are copied, for those who share it by value.
    pub fn copied(mut self) -> Self {
        self.copy = Some(T::clone);
        self
    }
}

/// For sources whose messages have no `Clone`.
pub trait Copied: Sized {
    /// The source as it is.
    fn copied(self) -> Self {
        self
    }
}

impl<T> Copied for Source<T> {}

/// A shared source: the value of a path.
pub fn shared<M, S: Shared<M>>(path: &'static S) -> S::Source {
    path.share()
}

/// What comes from the partitions of a topic.
#[diagnostic::on_unimplemented(
    message = "`lanes = partitions` needs a topic as its source",
    label = "not a topic",
    note = "lanes by key are `concurrency = n`"
)]
pub trait OfPartitions {}

/// A source for `lanes = partitions`.
pub fn of_partitions<T: OfPartitions>(source: Source<T>) -> Source<T> {
    source
}

/// A private source: the value of an expression, made anew each time it is opened.
pub fn private<M, S: Private<M>>(
    name: &str,
    make: impl Fn() -> S + Send + Sync + 'static,
) -> Source<S::Item> {
    S::open(name, make)
}
