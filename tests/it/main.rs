//! Behaviour tests: each builds its app by hand, from handlers that stand beside it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // they are tests

#[cfg(feature = "avro")]
mod avro;
mod bad_input;
mod batches;
#[path = "../both/mod.rs"]
mod both;
mod bounds;
mod cache_codecs;
mod caches;
mod channels;
mod checkpoints;
mod checkpoints_bound;
mod checkpoints_original;
mod commands;
mod common;
mod drains;
mod exactness;
mod fairness;
mod feeds;
mod foreign;
mod lanes;
mod lifecycle;
mod moves;
mod original;
mod pauses;
mod pipes;
mod policy;
mod preflight;
mod process;
mod resume;
mod returns;
mod seeks;
mod sinks;
mod steps;
mod topic_codecs;
mod topics;
