//! What a program that annotates its functions uses: `use slipstream::prelude::*`.

#[cfg(feature = "avro")]
pub use crate::Avro;
pub use crate::{
    App, At, Cache, Channel, Checkpoint, Config, Ctx, Dependency, Downtime, Error, EventTime, Flow, Headers,
    Key, One, Outage, Raw, Record, Result, Resume, Running, Start, State, Text, Topic, accumulate, batch,
    chunks, dead_letter, dedup, enumerate, every, filter, filter_map, handle, map, pairwise, print, scan,
    take, take_until, take_while, throttle, values,
};
pub use chrono::{DateTime, Local, Utc};
pub use futures_core::Stream;
pub use futures_util::StreamExt;
pub use serde::{Deserialize, Serialize};
pub use std::time::Duration;

/// This many milliseconds.
///
/// ```
/// use slipstream::prelude::*;
/// assert_eq!(millis(1500), Duration::from_millis(1500));
/// ```
pub const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// This many seconds.
///
/// ```
/// use slipstream::prelude::*;
/// assert_eq!(secs(2), Duration::from_secs(2));
/// ```
pub const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// This many minutes.
///
/// ```
/// use slipstream::prelude::*;
/// assert_eq!(mins(2), secs(120));
/// ```
pub const fn mins(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}

/// This many hours.
///
/// ```
/// use slipstream::prelude::*;
/// assert_eq!(hours(1), mins(60));
/// ```
pub const fn hours(n: u64) -> Duration {
    Duration::from_secs(n * 3600)
}
