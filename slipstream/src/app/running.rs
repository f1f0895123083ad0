//! A running app: to be waited for, stopped, paused, asked and entered.

use super::job::blocking;
use super::supervise::{self, Ended, Orders, Outcome};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::Report;
use crate::scope::{self, Current, Shared};
use std::future::Future;
use std::sync::Arc;
use tokio::sync::watch;

/// A running app. Its caches can be read until it is dropped; dropping it aborts what still runs.
///
/// What is written into caches from outside of its handlers is committed like all else; and what is written after its
/// end, by [`flush`](Running::flush) or at the latest when it is dropped. After an abort nothing is committed any more.
///
/// ```
/// # slipstream::doc_test(async {
/// use slipstream::prelude::*;
/// use slipstream::testing;
///
/// #[handle(source = 0..3_u32)]
/// fn look(_n: u32) {}
///
/// let running = testing::app().handler(look).start().await?;
/// running.wait().await?;
/// assert_eq!(running.report().handler("look").done, 3);
/// # Ok(()) });
/// ```
pub struct Running {
    pub(super) app: Arc<Shared>,
    pub(super) orders: watch::Sender<Orders>,
    pub(super) outcome: watch::Receiver<Outcome>,
    /// Where the state lives that ends with the process.
    pub(super) _temporary: Option<tempfile::TempDir>,
}

impl Running {
    /// Waits until the app has ended: all its sources have, or it was stopped.
    ///
    /// # Errors
    /// What stopped it, if it did not end by itself.
    ///
    /// # Cancel safety
    /// Dropping the future only stops waiting.
    pub async fn wait(&self) -> Result<()> {
        let mut outcome = self.outcome.clone();
        let ended = outcome.wait_for(Option::is_some).await;
        let gone = || Error::new(ErrorKind::Stopped, "the app was aborted");
        match ended.map_err(|_| gone())?.as_ref() {
            Some(Ended { done: Ok(()), .. }) => Ok(()),
            Some(Ended { done: Err(error), .. }) => Err(error.copy()),
            None => Err(gone()),
        }
    }

    /// Takes no further messages, lets those under way end, commits, and waits for that.
    ///
    /// ```
    /// # slipstream::doc_test(async {
    /// use slipstream::prelude::*;
    ///
    /// #[handle(source = every(millis(1)))]
    /// fn tick() {}
    ///
    /// let running = slipstream::testing::app().handler(tick).start().await?;
    /// running.stop().await?;
    /// running.assert_conserved();
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// As [`wait`](Running::wait), and if the deadline passed.
    ///
    /// # Cancel safety
    /// The app goes on stopping.
    pub async fn stop(&self) -> Result<()> {
        self.order(Orders::Drain);
        self.wait().await
    }

    /// Ends the app at once: what is under way is dropped, what was committed stays.
    ///
    /// ```
    /// # slipstream::doc_test(async {
    /// let running = slipstream::testing::app().start_idle().await?;
    /// running.abort();
    /// assert!(running.wait().await.is_err());
    /// # Ok(()) });
    /// ```
    pub fn abort(&self) {
        self.order(Orders::Abort);
    }

    fn order(&self, order: Orders) {
        self.orders.send_if_modified(|orders| {
            let sterner = order > *orders;
            if sterner {
                *orders = order;
            }
            sterner
        });
    }

    pub(super) async fn run_until(
        self,
        first: impl Future<Output = ()>,
        second: impl Future<Output = ()>,
    ) -> Result<()> {
        tokio::select! {
            ended = self.wait() => return ended,
            () = first => {}
        }
        tokio::select! {
            ended = self.stop() => ended,
            () = second => {
                self.abort();
                self.wait().await
            }
        }
    }

    /// Holds a source back before its next message, until it is resumed as often for this reason.
    ///
    /// ```
    /// # slipstream::doc_test(async {
    /// use slipstream::prelude::*;
    /// use slipstream::testing::{self, Input};
    /// static NUMBERS: Input<u32> = Input::new("numbers");
    ///
    /// #[handle(source = NUMBERS)]
    /// fn look(_n: u32) {}
    ///
    /// let app = testing::app().handler(look).start().await?;
    /// app.pause("numbers", "maintenance")?;
    /// app.feed(&NUMBERS, [1])?;
    /// app.quiet().await;
    /// assert_eq!(app.report().handler("look").done, 0);
    /// app.resume("numbers", "maintenance")?;
    /// app.quiet().await;
    /// assert_eq!(app.report().handler("look").done, 1);
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// If the app has no source of this name.
    pub fn pause(&self, source: &str, reason: &'static str) -> Result<()> {
        self.gate(source)?.pause(reason);
        Ok(())
    }

    /// Takes back one pause for this reason; the source runs when no reason is left. See [`pause`](Running::pause).
    ///
    /// # Errors
    /// If the app has no source of this name.
    pub fn resume(&self, source: &str, reason: &'static str) -> Result<()> {
        self.gate(source)?.resume(reason);
        Ok(())
    }

    fn gate(&self, source: &str) -> Result<Arc<crate::gate::Gate>> {
        let found = self.app.gates.find(source);
        found.ok_or_else(|| Error::new(ErrorKind::Misuse, format!("the app has no source `{source}`")))
    }

    /// Runs a future as part of this app: its topics and caches are meant.
    ///
    /// ```
    /// # slipstream::doc_test(async {
    /// use slipstream::prelude::*;
    /// static WORDS: Topic<String, u64> = Topic::new("words");
    ///
    /// let (one, two) = (slipstream::testing::app(), slipstream::testing::app());
    /// let (one, two) = (one.start_idle().await?, two.start_idle().await?);
    /// let record = ("a".to_owned(), 1);
    /// assert!(WORDS.send(record.clone()).await.is_err(), "which of the two?");
    /// assert!(two.scope(WORDS.send(record)).await?.is_some());
    /// # drop(one);
    /// # Ok(()) });
    /// ```
    pub fn scope<F: Future>(&self, future: F) -> impl Future<Output = F::Output> {
        scope::enter(self.current(), future)
    }

    /// Runs a function as part of this app: its topics and caches are meant.
    ///
    /// ```
    /// # slipstream::doc_test(async {
    /// use slipstream::prelude::*;
    /// static TOTALS: Cache<String, u64> = Cache::new("totals");
    ///
    /// let app = slipstream::testing::app().start_idle().await?;
    /// app.enter(|| TOTALS.put("a", &1))?;
    /// assert_eq!(app.enter(|| TOTALS.get("a"))?, Some(1));
    /// # Ok(()) });
    /// ```
    pub fn enter<T>(&self, run: impl FnOnce() -> T) -> T {
        scope::enter_sync(self.current(), run)
    }

    fn current(&self) -> Current {
        Current { app: self.app.clone(), step: None }
    }

    /// Commits what has ended by now.
    ///
    /// ```
    /// # slipstream::doc_test(async {
    /// use slipstream::prelude::*;
    /// static TOTALS: Cache<String, u64> = Cache::new("totals");
    ///
    /// let app = slipstream::testing::app().start_idle().await?;
    /// app.enter(|| TOTALS.put("a", &1))?;
    /// app.flush().await?; // from here on it survives a crash
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// If called inside of a handler or a sink, which could only wait for itself; if the store cannot be written, which
    /// also stops the app; or if an earlier commit failed or was cut off by an abort.
    ///
    /// # Cancel safety
    /// Dropping the future only stops waiting: the commit goes on.
    pub async fn flush(&self) -> Result<()> {
        let in_step = scope::current(|| "flush".to_owned()).is_ok_and(|current| current.step.is_some());
        if in_step || scope::is_delivering() {
            let text = "`flush` inside of a handler or a sink would wait for itself: the step commits when it has ended";
            return Err(Error::new(ErrorKind::Misuse, text));
        }
        // A task of its own: a commit that is dropped halfway would be in the way of all others.
        let app = self.app.clone();
        let commit = async move {
            let committed = supervise::commit(&app).await;
            if let Err(error) = &committed {
                app.fail(error.copy());
            }
            committed
        };
        let committed = tokio::spawn(commit).await;
        committed
            .unwrap_or_else(|error| Err(Error::caused(ErrorKind::Store, "the commit did not end", error)))
    }

    /// Reads all that is stored, checks all checksums, and returns how many rows there are: entries of caches, positions,
    /// items of channels, and what caches with a bound note beside their entries, as far as they were committed. Commits
    /// wait meanwhile.
    ///
    /// ```
    /// # slipstream::doc_test(async {
    /// use slipstream::prelude::*;
    /// static TOTALS: Cache<String, u64> = Cache::new("totals");
    ///
    /// let app = slipstream::testing::app().start_idle().await?;
    /// app.enter(|| TOTALS.put("a", &1))?;
    /// app.flush().await?;
    /// assert_eq!(app.verify().await?, 1);
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// What is damaged first.
    ///
    /// # Cancel safety
    /// The look goes on in its thread, and changes nothing.
    pub async fn verify(&self) -> Result<u64> {
        let app = self.app.clone();
        blocking(move || app.state.verify()).await
    }

    /// Both ledgers as they are now. Columns are read one after another: while lanes run, they need not add up.
    pub fn report(&self) -> Report {
        self.app.ledger.report()
    }

    /// The app's clock.
    pub fn clock(&self) -> &Clock {
        &self.app.clock
    }

    /// Fails the test unless both ledgers add up, and nothing is open in an app that has ended well. It can be asked at
    /// any time: what does not add up is read again, for a few milliseconds, since lanes that run count meanwhile.
    ///
    /// # Panics
    /// If a message or an output is not accounted for; the rows are named.
    pub fn assert_conserved(&self) {
        // Only what stays wrong is a leak; a lane takes nanoseconds from one column to the next.
        const TIMES: u32 = 50;
        let mut checked = self.checked();
        for _ in 0..TIMES {
            if checked.is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_micros(100));
            checked = self.checked();
        }
        if let Err(broken) = checked {
            panic!("messages or outputs are not accounted for:\n{broken}"); // it is an assertion
        }
    }

    fn checked(&self) -> std::result::Result<(), String> {
        let ended_well = matches!(&*self.outcome.borrow(), Some(Ended { done: Ok(()), .. }));
        let report = self.report();
        report.conserved().and_then(|()| if ended_well { report.settled() } else { Ok(()) })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.abort();
        self.app.retire();
        if matches!(&*self.outcome.borrow(), Some(Ended { commits: true, .. })) {
            supervise::commit_at_last(&self.app);
        }
    }
}
