//! What an app runs: the tasks of its lanes, and what may block beside them.

use crate::error::{Error, ErrorKind, Result};
use futures_util::FutureExt as _;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;

/// A task of a lane.
pub(crate) struct Job {
    /// A handler's name, or a source's.
    pub(crate) name: String,
    /// Whether it is the lane of a shared source, named after that.
    pub(crate) is_source: bool,
    pub(crate) future: Pin<Box<dyn Future<Output = Result<()>> + Send>>,
    /// The topics that it writes to, by number: who reads them to the end waits for it.
    pub(crate) writes: Vec<usize>,
}

/// Runs what may block on a thread where that is allowed.
pub(super) async fn blocking<T: Send + 'static>(
    run: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(run).await;
    done.map_err(|error| Error::caused(ErrorKind::Misuse, format!("opening the app failed: {error}"), error))?
}

/// Runs what the user wrote; if it panics, that is an error.
pub(super) fn unwound<T>(what: &str, run: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Err(Error::panicked(what, &*panic)))
}

/// Waits for a future of the user's; if it panics, that is an error.
pub(super) async fn caught(what: &str, future: impl Future<Output = Result<()>>) -> Result<()> {
    let done = AssertUnwindSafe(future).catch_unwind().await;
    done.unwrap_or_else(|panic| Err(Error::panicked(what, &*panic)))
}
