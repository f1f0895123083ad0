//! What the tests of all areas use: run to the end, check the books, wait with a limit.

use slipstream::prelude::*;
use slipstream::{MessageCounts, testing};
use std::future::Future;

/// Longer than anything here should take.
pub(crate) const LONG: Duration = secs(5);

/// Runs an app to its end, and checks that everything is accounted for.
pub(crate) async fn ended(app: App) -> Running {
    let running = app.start().await.unwrap();
    within(LONG, running.wait()).await.unwrap();
    running.assert_conserved();
    running
}

/// Runs one handler to its end.
pub(crate) async fn ran<F: 'static>(handler: F) -> Running {
    ended(testing::app().handler(handler)).await
}

/// Runs an app to the error that stops it; the books must balance all the same.
pub(crate) async fn failed(app: App) -> (Running, slipstream::Error) {
    let running = app.start().await.unwrap();
    let error = within(LONG, running.wait()).await.expect_err("it must not end well");
    running.assert_conserved();
    (running, error)
}

/// Fails if it takes longer.
pub(crate) async fn within<F: Future>(limit: Duration, future: F) -> F::Output {
    tokio::time::timeout(limit, future).await.unwrap_or_else(|_| panic!("it took longer than {limit:?}"))
}

/// A handler's counts, when the books balance.
pub(crate) fn counts(running: &Running, handler: &str) -> MessageCounts {
    running.assert_conserved();
    running.report().handler(handler)
}

/// Numbers that depend on a seed only.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// The next number below a bound.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
