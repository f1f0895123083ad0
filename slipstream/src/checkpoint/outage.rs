//! What callbacks are told, and how they are called.

use super::rows::Down;
use super::{Error, ErrorKind, Result};
use crate::clock::Clock;
use futures_util::FutureExt as _;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::time::Duration;

/// How long a callback may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which dependencies are down, and how far behind each is; shown as the longest of these, in hours, minutes and seconds.
///
/// [`Checkpoint::check_pulse`](crate::Checkpoint::check_pulse) returns it, and a handler that is `after` checkpoints can take
/// it as an argument: all that is down by any of them, also if nothing is.
///
/// ```
/// use slipstream::prelude::*;
/// fn says(downtime: &Downtime) -> String {
///     format!("{downtime} behind, and the weather {:?}", downtime.of("weather"))
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Downtime(BTreeMap<&'static str, Duration>);

impl Downtime {
    pub(super) fn add(&mut self, dependency: &'static str, behind: Duration) {
        self.0.insert(dependency, behind);
    }

    /// Whatever is down in one or the other.
    pub(super) fn and(mut self, other: Downtime) -> Self {
        for (dependency, behind) in other.0 {
            let longest = self.0.entry(dependency).or_default();
            *longest = behind.max(*longest);
        }
        self
    }

    pub(super) fn if_any(self) -> Option<Self> {
        Some(self).filter(|downtime| !downtime.0.is_empty())
    }

    /// Whether anything is down.
    pub fn is_any(&self) -> bool {
        !self.0.is_empty()
    }

    /// How far a dependency is behind, if it is down.
    pub fn of(&self, dependency: &str) -> Option<Duration> {
        self.0.get(dependency).copied()
    }

    /// How far the one is behind that is furthest.
    pub fn longest(&self) -> Duration {
        self.0.values().copied().max().unwrap_or_default()
    }
}

impl fmt::Display for Downtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.longest().as_secs();
        write!(f, "{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }
}

/// The time in which a dependency was down, as callbacks are told of it.
///
/// ```
/// use slipstream::prelude::*;
/// async fn say(outage: Outage) -> Result<()> {
///     println!("{} was {:?} behind; going back to {:?}", outage.dependency(), outage.downtime(), outage.offsets());
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Outage {
    checkpoint: &'static str,
    dependency: &'static str,
    down: Down,
}

impl Outage {
    pub(super) fn of(checkpoint: &'static str, dependency: &'static str, down: &Down) -> Self {
        Outage { checkpoint, dependency, down: down.clone() }
    }

    /// The name of the checkpoint.
    pub fn checkpoint(&self) -> &'static str {
        self.checkpoint
    }

    /// The dependency that went down, or the last to recover.
    pub fn dependency(&self) -> &'static str {
        self.dependency
    }

    /// How far behind it was when that was found.
    pub fn downtime(&self) -> Duration {
        Duration::from_micros(self.down.behind)
    }

    /// The first message of each partition of the dependent that was handled while a dependency was down: where to go
    /// back to.
    pub fn offsets(&self) -> &BTreeMap<u32, i64> {
        &self.down.offsets
    }

    /// What `check_pulse_with` was given when that was found; `None` if nothing was.
    ///
    /// # Errors
    /// If it is of another type.
    pub fn state<S: DeserializeOwned>(&self) -> Result<Option<S>> {
        let decoded = self.down.state.as_deref().map(rmp_serde::from_slice).transpose();
        decoded.map_err(|error| {
            let text = format!("the state of the checkpoint `{}` is of another type", self.checkpoint);
            Error::caused(ErrorKind::Codec, text, error)
        })
    }
}

/// What a checkpoint calls: any `async fn` of an [`Outage`].
///
/// ```
/// use slipstream::prelude::*;
/// async fn say(outage: Outage) -> Result<()> {
///     println!("{} is down", outage.dependency());
///     Ok(())
/// }
///
/// static SYNC: Checkpoint = Checkpoint::new("sync", &[Dependency::new("weather", hours(1))]).on_downtime(&say);
/// ```
pub trait Callback: Sync {
    /// Calls it.
    fn call(&self, outage: Outage) -> Pin<Box<dyn Future<Output = Result<()>> + Send>>;
}

#[diagnostic::do_not_recommend]
impl<F, Fut> Callback for F
where
    F: Fn(Outage) -> Fut + Sync,
    Fut: Future<Output = Result<()>> + Send + 'static,
{
    fn call(&self, outage: Outage) -> Pin<Box<dyn Future<Output = Result<()>> + Send>> {
        Box::pin(self(outage))
    }
}

/// Calls a callback; whatever becomes of it, the stream goes on, and it is said.
pub(super) async fn report(clock: &Clock, callback: Option<&'static dyn Callback>, outage: Outage) {
    let Some(callback) = callback else { return };
    let (checkpoint, dependency) = (outage.checkpoint, outage.dependency);
    // In an async block, since it may panic before it returns a future.
    let called = AssertUnwindSafe(async { callback.call(outage).await }).catch_unwind();
    let done = tokio::select! {
        done = called => done.unwrap_or_else(|panic| Err(Error::panicked("the callback", &*panic))),
        () = clock.sleep(PATIENCE) => Err(Error::new(ErrorKind::TimedOut, "it took longer than 30 s")),
    };
    if let Err(error) = done {
        tracing::error!(checkpoint, dependency, %error, "a callback failed; the stream goes on without it");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_is_shown() {
        let mut downtime = Downtime::default();
        downtime.add("a", Duration::from_secs(5400));
        downtime.add("b", Duration::from_secs(61));
        assert_eq!(downtime.to_string(), "1:30:00");
        assert_eq!(downtime.of("b"), Some(Duration::from_secs(61)));
    }
}
