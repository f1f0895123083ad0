//! The step protocol: how calls are isolated, when what they wrote becomes visible, and what a commit holds.
//!
//! [`protocol`] is one synchronous type without I/O, threads or clock; [`state`] drives it with a store. Neither knows
//! of handlers, pipes or topics: a step is a set of rows read and written, of which positions are some, and outputs
//! that are counted.

mod channels;
mod holds;
mod instance;
mod lanes;
mod locked;
mod place;
mod planted;
mod protocol;
mod queue;
mod scan;
mod seek;
mod shard;
mod state;
mod still;
mod sync;
#[cfg(test)]
mod tests;
mod txn;
mod value;

pub(crate) use lanes::Pending;
pub(crate) use place::{INDEXES, RESERVED, parse_place, place_row, read_by, resume_row};
pub(crate) use queue::{Item, Queue, Receives};
pub(crate) use scan::{Scan, after};
pub(crate) use seek::Goal;
pub(crate) use state::{End, State};
pub(crate) use still::Still;
pub(crate) use txn::Txn;
pub(crate) use value::{Place, Value};
