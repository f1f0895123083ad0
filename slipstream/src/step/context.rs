//! What a handler may ask of the app that calls it.

use super::Step;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use chrono::{DateTime, Utc};

/// An argument of a handler: the clock, pausing, and the message's identity.
///
/// ```
/// use slipstream::prelude::*;
///
/// #[handle(source = 0..3_u32, sink = [print])]
/// fn stamp(n: u32, ctx: Ctx) -> String {
///     format!("{} {n}", ctx.id())
/// }
/// ```
#[derive(Clone)]
pub struct Ctx(Step);

impl Ctx {
    pub(crate) fn new(step: &Step) -> Self {
        Ctx(step.clone())
    }

    /// The app's clock.
    pub fn clock(&self) -> &Clock {
        &self.0.app().clock
    }

    /// The time now, by the app's clock.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock().now()
    }

    /// Names the message for sinks that must not act twice: source, partition and offset for a topic; source and
    /// running number, which starts again with the app, for what has no positions.
    ///
    /// ```
    /// # slipstream::doc_test(async {
    /// use slipstream::prelude::*;
    /// use slipstream::testing::{self, Output};
    /// static SEEN: Output<String> = Output::new("seen");
    ///
    /// #[handle(source = ["a", "b"], sink = [SEEN])]
    /// fn name(_word: &str, ctx: Ctx) -> String { ctx.id() }
    ///
    /// let app = testing::app().handler(name).start().await?;
    /// app.wait().await?;
    /// assert_eq!(app.drain(&SEEN)?, ["name.source/1", "name.source/2"]);
    /// # Ok(()) });
    /// ```
    pub fn id(&self) -> String {
        let source = self.0.source();
        match self.0.last() {
            Some(at) => format!("{source}/{}/{}", at.partition, at.offset),
            None => format!("{source}/{}", self.0.number()),
        }
    }

    /// Holds a source back, before its next message, until it is resumed as often for this reason.
    ///
    /// ```
    /// use slipstream::prelude::*;
    ///
    /// /// Nothing is taken from `orders` in the first five seconds of a minute.
    /// #[handle(source = every(secs(1)))]
    /// fn watch(n: u64, ctx: Ctx) -> Result<()> {
    ///     match n % 60 {
    ///         0 => ctx.pause("orders", "top of the minute"),
    ///         5 => ctx.resume("orders", "top of the minute"),
    ///         _ => Ok(()),
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// If the app has no source of this name.
    pub fn pause(&self, source: &str, reason: &'static str) -> Result<()> {
        self.gate(source)?.pause(reason);
        Ok(())
    }

    /// Takes back one pause for this reason; the source runs when no reason is left. See [`pause`](Ctx::pause).
    ///
    /// # Errors
    /// If the app has no source of this name.
    pub fn resume(&self, source: &str, reason: &'static str) -> Result<()> {
        self.gate(source)?.resume(reason);
        Ok(())
    }

    fn gate(&self, source: &str) -> Result<std::sync::Arc<crate::gate::Gate>> {
        self.0
            .app()
            .gates
            .find(source)
            .ok_or_else(|| Error::new(ErrorKind::Misuse, format!("the app has no source `{source}`")))
    }
}
