//! The seam of time: what every timer of the library waits on, and what tests move by hand.

use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// The time as an app sees it: the machine's, or one that a test moves.
///
/// ```
/// use slipstream::testing::stopped_clock;
/// use std::time::Duration;
///
/// let clock = stopped_clock();
/// let before = clock.now();
/// clock.advance(Duration::from_secs(90));
/// assert_eq!((clock.now() - before).num_seconds(), 90);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<Mutex<Hand>>>);

/// A clock moved by hand: the time, and who sleeps until when.
#[derive(Debug)]
struct Hand {
    now: DateTime<Utc>,
    sleepers: BTreeMap<(DateTime<Utc>, u64), oneshot::Sender<()>>,
    next: u64,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Clock(None)
    }

    /// A clock that stands at this time until it is advanced.
    pub fn stopped_at(now: DateTime<Utc>) -> Self {
        Clock(Some(Arc::new(Mutex::new(Hand { now, sleepers: BTreeMap::new(), next: 0 }))))
    }

    /// The time now, UTC.
    pub fn now(&self) -> DateTime<Utc> {
        match &self.0 {
            None => Utc::now(),
            Some(hand) => lock(hand).now,
        }
    }

    /// Waits until this much time has passed.
    ///
    /// ```
    /// # slipstream::doc_test(async {
    /// use slipstream::prelude::*;
    /// let clock = slipstream::testing::stopped_clock();
    /// let (sleeper, mover) = (clock.clone(), clock);
    /// tokio::join!(sleeper.sleep(hours(1)), async { mover.advance(hours(1)) });
    /// # Ok(()) });
    /// ```
    ///
    /// # Cancel safety
    /// Dropping the future forgets the wait.
    pub async fn sleep(&self, duration: Duration) {
        let Some(hand) = &self.0 else { return tokio::time::sleep(duration).await };
        let woken = {
            let mut hand = lock(hand);
            let until = later(hand.now, duration);
            if until <= hand.now {
                return;
            }
            let (wake, woken) = oneshot::channel();
            hand.next += 1;
            let key = (until, hand.next);
            hand.sleepers.insert(key, wake);
            woken
        };
        // A sender that is dropped means that the clock is gone: nobody can be waited for any more.
        let _ = woken.await;
    }

    /// Moves a stopped clock, waking who slept until then in the order of their times; does nothing to the machine's.
    pub fn advance(&self, by: Duration) {
        let Some(hand) = &self.0 else { return };
        let mut hand = lock(hand);
        hand.now = later(hand.now, by);
        let now = hand.now;
        while let Some(sleeper) = hand.sleepers.first_entry().filter(|sleeper| sleeper.key().0 <= now) {
            let _ = sleeper.remove().send(()); // a sleeper that was dropped does not mind
        }
    }

    /// When the next sleeper of a stopped clock wakes, if anyone sleeps.
    pub(crate) fn next_wake(&self) -> Option<DateTime<Utc>> {
        let hand = lock(self.0.as_ref()?);
        hand.sleepers.iter().find(|(_, wake)| !wake.is_closed()).map(|((until, _), _)| *until)
    }
}

/// So much later; at most the end of the calendar.
pub(crate) fn later(from: DateTime<Utc>, by: Duration) -> DateTime<Utc> {
    let by = TimeDelta::from_std(by).unwrap_or(TimeDelta::MAX);
    from.checked_add_signed(by).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

fn lock(hand: &Mutex<Hand>) -> MutexGuard<'_, Hand> {
    hand.lock().unwrap_or_else(PoisonError::into_inner)
}
