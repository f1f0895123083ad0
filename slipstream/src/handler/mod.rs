//! A handler's two sides: what it may take as arguments, and what it may return.

mod argument;
mod extract;
mod returned;

pub use argument::{Rest, argument, by_record, keyed, look, mixed, view};
pub use extract::{Asks, AsksNothing, EventTime, Headers, KeyOf as Key, State};
pub use returned::{ByIterator, ByStream, ByValue, Checked, One, returned, sendable};
