//! What the tests of all areas use: run to the end, check the books, wait with a limit, abort and start again.

use slipstream::prelude::*;
use slipstream::{MessageCounts, testing};
pub(crate) use slipstream_tests::random::Random;
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

/// How an app is aborted: so many times at most, each time after a part of this.
#[derive(Clone, Copy)]
pub(crate) struct Aborts {
    pub(crate) seed: u64,
    pub(crate) most: u64,
    pub(crate) least: u64,
    pub(crate) within: Duration,
}

/// Starts an app again and again and aborts it at moments that depend on a seed, until it may come to its end: that one is
/// given, and its books balance. `app` is told how often it has been aborted so far.
pub(crate) async fn aborted(aborts: Aborts, app: impl Fn(u64) -> App) -> Running {
    const FIRST: Duration = millis(2);
    let Aborts { seed, most, least, within: limit } = aborts;
    let mut random = Random::new(seed);
    for times in 0.. {
        let running = app(times).start().await.unwrap();
        if times < most {
            let patience = FIRST + Duration::from_micros(random.below(limit.as_micros() as u64));
            if tokio::time::timeout(patience, running.wait()).await.is_err() {
                running.abort();
                let _ = running.wait().await;
                continue;
            }
        }
        let ended = tokio::time::timeout(3 * LONG, running.wait()).await;
        let ended = ended.unwrap_or_else(|_| {
            panic!("seed {seed}: it does not end after {times} aborts: {}", running.report())
        });
        ended.unwrap();
        assert!(times >= least, "seed {seed}: only {times} aborts");
        running.assert_conserved();
        return running;
    }
    unreachable!()
}

/// A handler's counts, when the books balance.
pub(crate) fn counts(running: &Running, handler: &str) -> MessageCounts {
    running.assert_conserved();
    running.report().handler(handler)
}
