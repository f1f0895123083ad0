//! The step protocol: how calls are isolated, when what they wrote becomes visible, and what a commit holds.
//!
//! [`protocol`] is one synchronous type without I/O, threads or clock; [`state`] drives it with a store. Neither knows
//! of handlers, pipes or topics: a step is a set of rows read and written, a position, and outputs that are counted.

mod place;
mod protocol;
mod state;
#[cfg(test)]
mod tests;

pub(crate) use place::{parse_place, place_key};
pub(crate) use protocol::{Pending, Place, Txn};
pub(crate) use state::{RESERVED, State};
