//! A lane: one source with its handlers, in order, in one task. The macro writes the loop; its parts are here.
//!
//! The way of a message is [`next`](Lane::next), then the handler's call and its sinks, then [`end`](Lane::end). Whatever
//! goes wrong in between, a panic too, ends the loop; what it was working on is back in its dock by then, so that
//! [`drive`] can apply the policy and let the loop go on. A message that goes well pays nothing for that.

mod concurrent;
mod drive;
mod letter;
mod message;
mod next;
mod partitions;
mod pump;
mod settle;
mod verdict;

pub use concurrent::Work;
pub(crate) use concurrent::{Crew, WAITING, dispatch};
pub(crate) use drive::drive;
pub(crate) use letter::{Letter, RawLetter};
pub use message::{Copier, Copies, Look, Message, kept};
pub(crate) use next::room_for_more;
pub(crate) use partitions::{Spring, spread};
pub(crate) use pump::{Consumer, Forward, Inline, Lend, Pump};

use crate::breath::Breath;
use crate::flow::Flow;
use crate::gate::Gate;
use crate::step::Step;
use letter::Letters;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};

/// What a handler's call came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It ended well.
    Done,
    /// It returned `None`.
    Filtered,
}

/// A handler's place in its lane, while its loop runs.
pub struct Lane<S, T, D> {
    work: Option<Box<Bench<S, T, D>>>,
    dock: Dock<S, T, D>,
}

/// What a lane works on: it outlives the loop.
pub struct Bench<S, T, D> {
    flow: Flow<S>,
    step: Step,
    /// The source's gate, where this lane reads the source itself or from a queue.
    gate: Option<Arc<Gate>>,
    /// Whether others hand it its messages: what they have for it is taken before the lane ends.
    queued: bool,
    breath: Breath,
    /// The message in hand.
    message: Option<Message<T, D>>,
    /// How many calls for it were made again by policy.
    attempts: u32,
    /// Whether it is to be handled again.
    again: bool,
    letter: Option<Letters<T, D>>,
}

/// Where a lane's work lies when no loop has it.
type Dock<S, T, D> = Arc<Mutex<Option<Box<Bench<S, T, D>>>>>;

impl<S, T, D> Bench<S, T, D> {
    pub(crate) fn new(flow: Flow<S>, step: Step, gate: Option<Arc<Gate>>, queued: bool) -> Box<Self> {
        let breath = Breath::new();
        Box::new(Bench {
            flow,
            step,
            gate,
            queued,
            breath,
            message: None,
            attempts: 0,
            again: false,
            letter: None,
        })
    }
}

impl<S, T, D> Lane<S, T, D> {
    fn new(work: Box<Bench<S, T, D>>, dock: &Dock<S, T, D>) -> Self {
        Lane { work: Some(work), dock: dock.clone() }
    }

    /// Prepares dead letters, for a policy that may end in them.
    pub fn buries(&mut self)
    where
        T: Letter,
    {
        self.letter = Some(|message| message.kept().and_then(Letter::letter));
    }
}

/// Also when the loop unwinds.
impl<S, T, D> Drop for Lane<S, T, D> {
    fn drop(&mut self) {
        *self.dock.lock().unwrap_or_else(PoisonError::into_inner) = self.work.take();
    }
}

impl<S, T, D> Deref for Lane<S, T, D> {
    type Target = Bench<S, T, D>;

    #[inline]
    fn deref(&self) -> &Bench<S, T, D> {
        #[allow(clippy::expect_used)] // only `drop` takes it out
        self.work.as_ref().expect("a lane has its work until it is dropped")
    }
}

impl<S, T, D> DerefMut for Lane<S, T, D> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Bench<S, T, D> {
        #[allow(clippy::expect_used)] // as above
        self.work.as_mut().expect("a lane has its work until it is dropped")
    }
}
