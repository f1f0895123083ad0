//! Checkpoints that are bound to handlers: what the macro's loop calls before the body, and what preflight is told.
//!
//! Both are calls that a handler could make itself, within its step: so what a handler stores of the message that it beats
//! for is there before the dependent goes on.

use super::{Checkpoint, Dependency, Downtime, Error, ErrorKind, Result};
use crate::needs::{Bound, Named};
use crate::scope::{self, Shared};
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// One of a checkpoint's dependencies, for `before`: [`Checkpoint::dependency`] makes it.
///
/// ```
/// use slipstream::prelude::*;
/// use slipstream::Heart;
/// static SYNC: Checkpoint =
///     Checkpoint::new("sync", &[Dependency::new("rates", mins(5)), Dependency::new("news", hours(1))]);
/// const RATES: Heart = SYNC.dependency("rates");
/// ```
#[derive(Clone, Copy)]
pub struct Heart {
    checkpoint: &'static Checkpoint,
    dependency: Option<&'static str>,
}

impl Checkpoint {
    /// One of several dependencies, by its name, for the handlers that are `before` this checkpoint.
    ///
    /// ```
    /// use slipstream::prelude::*;
    /// static RATES: Topic<String, f64> = Topic::new("rates");
    /// static SYNC: Checkpoint =
    ///     Checkpoint::new("sync", &[Dependency::new("rates", mins(5)), Dependency::new("news", hours(1))]);
    ///
    /// /// Each is a heartbeat, by the timestamp of its record.
    /// #[handle(source = RATES, before = [SYNC.dependency("rates")])]
    /// fn rate(_rate: f64) {}
    /// ```
    pub const fn dependency(&'static self, name: &'static str) -> Heart {
        Heart { checkpoint: self, dependency: Some(name) }
    }

    fn named(&'static self) -> Named {
        Named { name: self.name, slot: self.slot.index(), types: "Checkpoint", prepare: None }
    }
}

/// What `after` and `before` may name.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a checkpoint",
    label = "not a checkpoint",
    note = "`after` and `before` name a static `Checkpoint`; `before` also one of its dependencies, as \
            `CHECKPOINT.dependency(\"name\")`"
)]
pub trait Binds {
    /// The checkpoint, and which of its dependencies.
    fn heart(self) -> Heart;
}

#[diagnostic::do_not_recommend]
impl Binds for &'static Checkpoint {
    fn heart(self) -> Heart {
        Heart { checkpoint: self, dependency: None }
    }
}

#[diagnostic::do_not_recommend]
impl Binds for Heart {
    fn heart(self) -> Heart {
        self
    }
}

impl Heart {
    /// A handler that is to be the dependent.
    ///
    /// # Errors
    /// If one dependency is named: who is after a checkpoint waits for all.
    pub(crate) fn after(self, handler: &str) -> Result<Bound> {
        let checkpoint = self.checkpoint;
        if let Some(dependency) = self.dependency {
            let text = format!(
                "`after` names the checkpoint `{}` alone, without its dependency `{dependency}`: it waits for all of them",
                checkpoint.name()
            );
            return Err(Error::new(ErrorKind::Misuse, text));
        }
        let ready = move |app: &Arc<Shared>, _: &str, source: &str| {
            checkpoint.valve(app)?.watch(app, checkpoint.name, source)?;
            checkpoint.open(app)
        };
        let (named, ready) = (checkpoint.named(), Arc::new(ready));
        Ok(Bound { named, handler: handler.to_owned(), beats: false, ready })
    }

    /// A handler that is to beat.
    ///
    /// # Errors
    /// If there is no such dependency, or it does not say which of several.
    pub(crate) fn before(self, handler: &str) -> Result<Bound> {
        let (checkpoint, dependency) = (self.checkpoint, self.find()?);
        let ready = move |app: &Arc<Shared>, handler: &str, source: &str| {
            checkpoint.valve(app)?.beats(dependency.name(), handler, source);
            checkpoint.open(app)
        };
        let (named, ready) = (checkpoint.named(), Arc::new(ready));
        Ok(Bound { named, handler: handler.to_owned(), beats: true, ready })
    }

    fn find(self) -> Result<&'static Dependency> {
        self.checkpoint.find(self.dependency)
    }
}

/// Checks the pulse for a message that is about to be handled, and leaves what it finds for the handler's arguments.
///
/// # Errors
/// As [`Checkpoint::check_pulse`].
pub async fn after(checkpoint: impl Binds, at: DateTime<Utc>, is_first: bool) -> Result<()> {
    let Heart { checkpoint, .. } = checkpoint.heart();
    let found = checkpoint.check_pulse(at).await?;
    if let Some(step) = scope::current(|| format!("the checkpoint `{}`", checkpoint.name))?.step {
        let known: Option<Downtime> = step.left().filter(|_| !is_first);
        step.leave(known.unwrap_or_default().and(found.unwrap_or_default()));
    }
    Ok(())
}

/// Beats for a message that is about to be handled.
///
/// # Errors
/// As [`Checkpoint::heartbeat`].
pub async fn before(checkpoint: impl Binds, at: DateTime<Utc>) -> Result<()> {
    let heart = checkpoint.heart();
    heart.checkpoint.noted_beat(heart.find()?, Some(at)).await
}
