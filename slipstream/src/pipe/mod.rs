//! Pipes: any function from a stream to a stream. The everyday ones are here, and say what they filter and hold.
//!
//! Each is a function on a [`Flow`](crate::Flow), or returns one if it has parameters; those of one kind share a file.

mod chunks;
mod filter;
mod limit;
mod map;
mod pairwise;
mod through;
mod values;

pub use chunks::chunks;
pub use filter::{dedup, filter, filter_map, skip, throttle};
pub use limit::{take, take_until, take_while};
pub use map::{accumulate, enumerate, map, scan};
pub use pairwise::pairwise;
pub(crate) use through::Unlikely;
pub use through::{StagedForeign, StagedNothing, out, pipe_fn, through};
pub use values::values;
