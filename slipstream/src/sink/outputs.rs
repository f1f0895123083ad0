//! What sinks are given: the outputs of one call, whatever the handler returned.

use crate::lane::Sent;
use crate::step::{Interrupt, Step};
use std::future::Future;

/// The outputs of one call, in order.
pub trait Outputs {
    /// What is sent.
    type Item;

    /// The next output; for a stream, the step of the one before has ended by then.
    fn next(&mut self, step: &Step) -> impl Future<Output = Result<Option<Self::Item>, Interrupt>>;

    /// What the call came to.
    fn sent(&self) -> Sent {
        Sent::Done
    }
}

/// What a handler with sinks must return.
#[diagnostic::on_unimplemented(
    message = "the handler returns nothing, so it has nothing to send to a sink",
    label = "nothing is sent to this sink"
)]
pub trait Sends {}
