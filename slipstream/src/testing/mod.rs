//! The kit that handlers are tested with: an app in memory, a clock moved by hand, inputs and outputs by script.
//!
//! ```
//! # slipstream::doc_test(async {
//! use slipstream::prelude::*;
//! use slipstream::testing::{self, Input, Output};
//!
//! static NUMBERS: Input<u32> = Input::new("numbers");
//! static SQUARES: Output<u32> = Output::new("squares");
//!
//! #[handle(source = NUMBERS, sink = [SQUARES])]
//! fn square(n: &u32) -> u32 {
//!     n * n
//! }
//!
//! let app = testing::app().handler(square).start().await?;
//! app.feed(&NUMBERS, [1, 2, 3])?;
//! app.end(&NUMBERS)?;
//! app.wait().await?;
//! assert_eq!(app.drain(&SQUARES)?, [1, 4, 9]);
//! app.assert_conserved();
//! # Ok(()) });
//! ```

mod broker;
mod input;
mod output;

pub use broker::Broker;
pub use input::Input;
pub use output::Output;

use crate::app::{App, Running};
use crate::clock::Clock;
use crate::error::Result;
use chrono::DateTime;
use std::time::Duration;

/// An app whose topics and state are in memory, and which reads nothing from the environment.
///
/// ```
/// # slipstream::doc_test(async {
/// let app = slipstream::testing::app().start_idle().await?;
/// app.stop().await
/// # });
/// ```
pub fn app() -> App {
    Broker::new().app()
}

/// A clock that stands at 2024-01-01 00:00:00 UTC until it is advanced.
///
/// ```
/// let clock = slipstream::testing::stopped_clock();
/// assert_eq!(clock.now().to_rfc3339(), "2024-01-01T00:00:00+00:00");
/// ```
pub fn stopped_clock() -> Clock {
    const NEW_YEAR: i64 = 1_704_067_200;
    Clock::stopped_at(DateTime::from_timestamp(NEW_YEAR, 0).unwrap_or_default())
}

/// What tests ask of a running app.
impl Running {
    /// Hands messages to an input; the [kit](crate::testing) has an example.
    ///
    /// # Errors
    /// If the input has ended.
    pub fn feed<T: Send + 'static>(
        &self,
        input: &'static Input<T>,
        items: impl IntoIterator<Item = T>,
    ) -> Result<()> {
        self.enter(|| items.into_iter().try_for_each(|item| input.push(item)))
    }

    /// Ends an input.
    ///
    /// # Errors
    /// Never, for a running app.
    pub fn end<T: Send + 'static>(&self, input: &'static Input<T>) -> Result<()> {
        self.enter(|| input.end())
    }

    /// Takes what an output has collected so far.
    ///
    /// # Errors
    /// Never, for a running app.
    pub fn drain<T: Send + 'static>(&self, output: &'static Output<T>) -> Result<Vec<T>> {
        self.enter(|| output.take())
    }

    /// Moves the app's clock, sleeper by sleeper, and lets the app run in between until it is quiet.
    ///
    /// ```
    /// # slipstream::doc_test(async {
    /// use slipstream::prelude::*;
    /// use slipstream::testing::{self, Output, stopped_clock};
    ///
    /// static BEATS: Output<u64> = Output::new("beats");
    ///
    /// #[handle(source = every(secs(1)), sink = [BEATS])]
    /// fn beat(n: u64) -> u64 { n }
    ///
    /// let app = testing::app().clock(stopped_clock()).handler(beat).start().await?;
    /// app.advance(secs(3)).await;
    /// assert_eq!(app.drain(&BEATS)?, [0, 1, 2]);
    /// # Ok(()) });
    /// ```
    ///
    /// # Cancel safety
    /// The clock stays where it was moved to.
    pub async fn advance(&self, by: Duration) {
        let clock = self.clock().clone();
        self.quiet().await;
        let until = clock.now() + chrono::TimeDelta::from_std(by).unwrap_or_default();
        while let Some(next) = clock.next_wake().filter(|next| *next <= until) {
            clock.advance((next - clock.now()).to_std().unwrap_or_default());
            self.quiet().await;
        }
        clock.advance((until - clock.now()).to_std().unwrap_or_default());
        self.quiet().await;
    }

    /// Lets the app run until nothing moves any more: no count has changed for a while.
    ///
    /// ```
    /// # slipstream::doc_test(async {
    /// use slipstream::prelude::*;
    /// use slipstream::testing::{self, Input, Output};
    /// static NUMBERS: Input<u32> = Input::new("numbers");
    /// static SEEN: Output<u32> = Output::new("seen");
    ///
    /// #[handle(source = NUMBERS, sink = [SEEN])]
    /// fn same(n: u32) -> u32 { n }
    ///
    /// let app = testing::app().handler(same).start().await?;
    /// app.feed(&NUMBERS, [1, 2])?;
    /// app.quiet().await; // the input has not ended, so that `wait` would wait for ever
    /// assert_eq!(app.drain(&SEEN)?, [1, 2]);
    /// # Ok(()) });
    /// ```
    ///
    /// # Cancel safety
    /// Dropping the future only stops waiting.
    pub async fn quiet(&self) {
        const CALM: u32 = 20;
        let (mut last, mut calm) = (self.report(), 0);
        while calm < CALM {
            tokio::task::yield_now().await;
            tokio::time::sleep(Duration::from_micros(100)).await;
            let now = self.report();
            calm = if now == last { calm + 1 } else { 0 };
            last = now;
        }
    }
}
