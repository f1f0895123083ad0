//! Random schedules over checkpoints, on a stopped clock: `chaos checkpoints` runs many of them, and the behaviour tests a
//! few.
//!
//! Events of three partitions are enriched by two streams, which are silent, late, flapping, down together or at their end,
//! while the app is aborted and started again, its partitions come and go, and callbacks fail, panic and hang. What an event
//! was enriched with in the end is what its record in the topic `done` says; whether that is right is judged by nothing that
//! the checkpoints say.

mod app;
mod play;

pub use play::{CRASHES, Outcome, Plant, crash, random};
