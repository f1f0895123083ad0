//! A lane: one source with its handlers, in order, in one task. The macro writes the loop; its parts are here.
//!
//! The way of a message is [`next`](Lane::next), then the handler's call and its sinks within
//! [`attempt`](Lane::attempt), then [`settle`](Lane::settle). These are written as plain futures and not as `async fn`s:
//! each message goes through all of them, and most messages wait for nothing.

mod attempt;
mod breath;
mod concurrent;
mod letter;
mod message;
mod next;
mod pump;
mod settle;
mod verdict;

pub use concurrent::Work;
pub(crate) use concurrent::{Crew, dispatch};
pub(crate) use letter::{Letter, RawLetter};
pub use message::{Copier, Copies, Look, Message, kept};
pub(crate) use pump::{Consumer, Forward, Inline, Lend, Pump};

use crate::gate::Gate;
use crate::step::Step;
use breath::Breath;
use std::sync::Arc;

/// What a handler's call came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It ended well.
    Done,
    /// It returned `None`.
    Filtered,
}

/// A handler's place in its lane: takes messages, makes calls, and settles what comes of them.
pub struct Lane {
    step: Step,
    /// The source's gate, where this lane reads the source itself or from a queue.
    gate: Option<Arc<Gate>>,
    breath: Breath,
    /// How many messages of the source the one in hand stands for.
    count: u32,
    attempts: u32,
    again: bool,
    /// Whether it reads from a queue, which is emptied before the lane ends.
    queued: bool,
}

impl Lane {
    pub(crate) fn new(step: Step, gate: Option<Arc<Gate>>, queued: bool) -> Self {
        Lane { step, gate, breath: Breath::new(), count: 0, attempts: 0, again: false, queued }
    }

    /// Whether the message in hand is to be handled: once, and again after a conflict or by policy.
    #[inline]
    pub fn again(&mut self) -> bool {
        std::mem::take(&mut self.again)
    }
}
