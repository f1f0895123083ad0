//! What an app runs: the tasks of its lanes.

use crate::error::Result;
use std::future::Future;
use std::pin::Pin;

/// A task of a lane.
pub(crate) struct Job {
    pub(crate) name: String,
    pub(crate) future: Pin<Box<dyn Future<Output = Result<()>> + Send>>,
    /// The topics that it writes to, by number: who reads them to the end waits for it.
    pub(crate) writes: Vec<usize>,
}
