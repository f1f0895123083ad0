//! A handler's two sides: what it may take as arguments, and what it may return.

mod argument;
mod bound;
mod extract;
mod returned;

pub use argument::{As, Rest, by_record, keyed, mixed};
pub use bound::{moment, recorded};
pub use extract::{Asks, AsksNothing, EventTime, KeyOf as Key, State};
pub use returned::{ByIterator, ByStream, ByValue, Checked, One, returned, sendable};
