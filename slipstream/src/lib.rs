//! Stream processing by annotated functions: any stream is a source, any function is a sink.
#![doc = include_str!("../../README.md")]

// The macro's output names the crate from outside, also in our own tests.
#[cfg(all(test, feature = "avro"))]
#[allow(unused_extern_crates)] // the derive of a schema names the crate by its new name
extern crate avro_rs as apache_avro;
#[allow(unused_extern_crates)]
extern crate self as slipstream;

#[doc(hidden)]
pub mod __private;
mod app;
#[cfg(feature = "avro")]
pub mod avro;
mod breath;
mod cache;
mod channel;
mod checkpoint;
mod clock;
mod codec;
mod config;
mod error;
mod flow;
mod gate;
mod handler;
pub mod keys;
mod lane;
#[cfg(test)]
mod leaks;
mod ledger;
mod log;
mod needs;
mod pipe;
pub mod policy;
pub mod prelude;
mod pulled;
mod run;
mod scope;
mod sink;
mod source;
mod step;
mod steps;
mod store;
pub mod testing;
mod topic;

pub use app::{App, Running};
#[cfg(feature = "avro")]
pub use avro::Avro;
pub use cache::{Cache, Entries, Lagged, Snapshot};
pub use channel::Channel;
pub use checkpoint::{Beat, Callback, Checkpoint, Dependency, Downtime, Heart, Outage};
pub use clock::Clock;
pub use codec::{Codec, Json, MessagePack, Raw, Text};
pub use config::Config;
pub use error::{BoxError, Error, ErrorKind, Result};
pub use flow::Flow;
pub use handler::{EventTime, Key, One, State};
pub use ledger::{Evicted, MessageCounts, OutputCounts, Report, SourceCounts};
pub use pipe::{
    accumulate, chunks, dedup, enumerate, filter, filter_map, map, pairwise, scan, skip, take, take_until,
    take_while, throttle, values,
};
pub use policy::Policy;
pub use run::run;
pub use sink::{Batch, batch, print};
pub use slipstream_macros::{handle, main};
pub use source::{At, Resume, every, iter, lines};
pub use step::Ctx;
pub use topic::{Headers, Receipt, Record, Start, Topic, TopicKey, dead_letter};

/// The blocks of the guide are examples as well.
#[cfg(doctest)]
mod guide {
    macro_rules! chapters {
        ($($name:ident $file:literal)*) => {
            $(#[doc = include_str!(concat!("../../docs/src/", $file))] struct $name;)*
        };
    }
    chapters! {
        FirstApp "first-app.md" Concepts "concepts.md" Streams "streams.md" Topics "topics.md" State "state.md"
        Checkpoints "checkpoints.md" Failures "failures.md" Testing "testing.md" Running "running.md"
    }
}

/// Runs an example of the documentation.
#[doc(hidden)]
pub fn doc_test(example: impl Future<Output = Result<()>>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    #[allow(clippy::expect_used)] // it is a test
    runtime.expect("a runtime").block_on(example).expect("the example runs");
}
