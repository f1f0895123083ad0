//! Checkpoints: a stream waits for the streams that it depends on, and goes back where it went on without them.
//!
//! What is known of a dependency is a row of the state, read and written by the steps that beat and that check the pulse.
//! A pause, a resume and whatever a callback seeks are effects of the same steps. Nothing here knows what the streams are.

mod bound;
mod dependency;
mod ending;
mod outage;
mod rows;
mod valve;

pub use bound::{Binds, Heart, after, before};
pub use dependency::{Beat, Dependency};
pub use outage::{Callback, Downtime, Outage};

use crate::error::{Error, ErrorKind, Result};
use crate::scope::{self, Current, Gathered, Shared, Slot};
use chrono::{DateTime, Utc};
use outage::report;
use rows::{Down, Rows};
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use valve::Valve;

/// Keeps a stream in step with the streams that it depends on.
///
/// A handler is bound to it: `#[handle(.., after = [CHECKPOINT])]` on that of the dependent stream, `before = [CHECKPOINT]` on
/// that of a dependency, with the event time of a message by `time = |message| ..`, where it is not the time of a record.
/// Then the pulse is checked before each call of the one, and each message of the other is a heartbeat. Or handlers call
/// [`heartbeat`](Checkpoint::heartbeat) and [`check_pulse`](Checkpoint::check_pulse) themselves.
///
/// Where a dependency has stayed further behind than its threshold it is *down*: the dependent's source is paused, and the
/// first message of each partition that was handled in spite of it is noted. When the dependency has caught up, or its
/// source has ended, the dependent goes on, and `on_recovery` is told where to go back to.
///
/// All of it is state: it is committed with the steps that make it, and is there after a restart. A checkpoint has one source
/// as its dependent, and is of one process.
///
/// ```
/// # slipstream::doc_test(async {
/// use slipstream::prelude::*;
/// use slipstream::testing::{self, Input, Output};
///
/// static WEATHER: Input<i64> = Input::new("weather");
/// static ACTIVITY: Topic<String, i64> = Topic::new("activity").start(Start::Earliest);
/// static SEEN: Output<String> = Output::new("seen");
/// static SYNC: Checkpoint =
///     Checkpoint::new("activity", &[Dependency::new("weather", secs(60))]).on_recovery(&go_back);
///
/// async fn go_back(outage: Outage) -> Result<()> {
///     ACTIVITY.seek_back(outage.offsets().clone()).await
/// }
///
/// fn time(seconds: &i64) -> DateTime<Utc> {
///     DateTime::from_timestamp(*seconds, 0).unwrap()
/// }
///
/// #[handle(source = WEATHER, before = [SYNC], time = time)]
/// fn note(_seconds: i64) {}
///
/// #[handle(source = ACTIVITY, after = [SYNC], time = time, sink = [SEEN])]
/// fn act(seconds: i64, downtime: Downtime) -> String {
///     if downtime.is_any() { format!("{seconds}, {downtime} behind") } else { seconds.to_string() }
/// }
///
/// let app = testing::app().handler(note).handler(act).start().await?;
/// app.feed(&WEATHER, [0])?;
/// app.quiet().await;
/// for seconds in [0, 90] {
///     app.scope(ACTIVITY.send(("key".to_owned(), seconds))).await?;
///     app.quiet().await;
/// }
/// assert_eq!(app.drain(&SEEN)?, ["0", "90, 0:01:30 behind"]);
/// app.feed(&WEATHER, [90])?;
/// app.quiet().await;
/// assert_eq!(app.drain(&SEEN)?, ["90"]);
/// # Ok(()) });
/// ```
pub struct Checkpoint {
    name: &'static str,
    dependencies: &'static [Dependency],
    on_downtime: Option<&'static dyn Callback>,
    on_recovery: Option<&'static dyn Callback>,
    pauses: bool,
    slot: Slot,
}

/// The app, the step and the valve of a call.
type Here = (Arc<Shared>, Arc<Gathered>, Arc<Valve>);

impl Checkpoint {
    /// A checkpoint of this name, which its state goes by, over one dependency or several.
    ///
    /// # Panics
    /// If the name is empty or has a 0 in it, or there is no dependency, or two have one name; for a static, when it is compiled.
    #[track_caller]
    pub const fn new(name: &'static str, dependencies: &'static [Dependency]) -> Self {
        assert!(!dependencies.is_empty(), "a checkpoint has a dependency");
        dependency::are_named_apart(dependencies);
        let name = crate::store::checked(name);
        Checkpoint {
            name,
            dependencies,
            on_downtime: None,
            on_recovery: None,
            pauses: true,
            slot: Slot::new(),
        }
    }

    /// Is called when a dependency goes down, within the step that found it.
    ///
    /// One that fails, panics or takes longer than 30 s is reported, and what goes on goes on. It is called again where its
    /// step is made again.
    #[must_use]
    pub const fn on_downtime(mut self, callback: &'static dyn Callback) -> Self {
        self.on_downtime = Some(callback);
        self
    }

    /// Is called when no dependency is down any more, within the step that found it: what it seeks and writes is an effect
    /// of that step. Failures are dealt with as those of [`on_downtime`](Checkpoint::on_downtime).
    #[must_use]
    pub const fn on_recovery(mut self, callback: &'static dyn Callback) -> Self {
        self.on_recovery = Some(callback);
        self
    }

    /// Leaves the dependent stream running while a dependency is down.
    #[must_use]
    pub const fn without_pause(mut self) -> Self {
        self.pauses = false;
        self
    }

    /// The checkpoint's name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Notes how far the only dependency is: the event time of a message of it, or the app's clock for `None`.
    ///
    /// # Errors
    /// Outside of a handler; if there are several dependencies; if the state cannot be read.
    ///
    /// # Cancel safety
    /// What was noted counts if the step ends.
    pub async fn heartbeat(&'static self, at: impl Into<Option<DateTime<Utc>>>) -> Result<()> {
        self.noted_beat(self.find(None)?, at.into()).await
    }

    /// Notes how far one of several dependencies is.
    ///
    /// # Errors
    /// As [`heartbeat`](Checkpoint::heartbeat); if there is no dependency of that name.
    ///
    /// # Cancel safety
    /// As there.
    pub async fn heartbeat_of(
        &'static self,
        dependency: &str,
        at: impl Into<Option<DateTime<Utc>>>,
    ) -> Result<()> {
        self.noted_beat(self.find(Some(dependency))?, at.into()).await
    }

    /// Notes how far the dependent stream is, by the event time of the message in hand, and says which dependencies are
    /// down: `None` if all is well.
    ///
    /// # Errors
    /// Outside of a handler; if handlers of another source have checked this pulse before; if the state cannot be read.
    ///
    /// # Cancel safety
    /// What was noted counts if the step ends.
    pub async fn check_pulse(&'static self, at: DateTime<Utc>) -> Result<Option<Downtime>> {
        self.check(at, None).await
    }

    /// The same, with something that `on_recovery` is to be given: of an outage, what the first such call handed over.
    ///
    /// # Errors
    /// As [`check_pulse`](Checkpoint::check_pulse); if the state cannot be encoded.
    ///
    /// # Cancel safety
    /// As there.
    pub async fn check_pulse_with<S: Serialize>(
        &'static self,
        at: DateTime<Utc>,
        state: &S,
    ) -> Result<Option<Downtime>> {
        let encoded = rmp_serde::to_vec_named(state).map_err(|error| {
            let text = format!("the state for the checkpoint `{}` cannot be encoded", self.name);
            Error::caused(ErrorKind::Codec, text, error)
        })?;
        self.check(at, Some(encoded)).await
    }

    /// Whom the message in hand finds down does not depend on what becomes of it.
    async fn check(&'static self, at: DateTime<Utc>, given: Option<Vec<u8>>) -> Result<Option<Downtime>> {
        let (here, noted) = (self.here()?, given.clone());
        here.1.note(async move { self.pulse(self.here()?, at, noted).await.map(drop) });
        self.pulse(here, at, given).await
    }

    async fn pulse(
        &'static self,
        (app, step, valve): Here,
        at: DateTime<Utc>,
        given: Option<Vec<u8>>,
    ) -> Result<Option<Downtime>> {
        let here = step.whereabouts();
        valve.watch(&app, self.name, &here.source)?;
        let mut downtime = Downtime::default();
        let mut fresh = Vec::new();
        {
            let mut buffers = step.touch();
            let mut rows = Rows::new(self.name, &app.state, &mut buffers.txn);
            let pulse = rows.pulse(at)?;
            for dependency in self.dependencies {
                let mut row = rows.read(dependency.name())?;
                if row.has_ended {
                    continue;
                }
                if row.beat.is_none() && dependency.seeds() {
                    row.beat = Some(pulse);
                }
                let beat = Beat::new(row.beat, Some(pulse), dependency.threshold());
                let behind = dependency.is_down(&beat);
                if behind.is_none() && row.down.is_none() {
                    rows.write(dependency.name(), &row)?;
                    continue;
                }
                let is_new = row.down.is_none();
                let down = row.down.get_or_insert_with(|| Down::new(here.source.to_string(), behind));
                here.begins.iter().for_each(|(partition, offset)| down.note(*partition, *offset));
                down.state = down.state.take().or_else(|| given.clone());
                downtime.add(dependency.name(), behind.unwrap_or_else(|| beat.behind()));
                if is_new {
                    row.turns += 1;
                    fresh.push(Outage::of(self.name, dependency.name(), down));
                }
                rows.write(dependency.name(), &row)?;
            }
            if !fresh.is_empty() && self.pauses {
                let turn = rows.turns(self.dependencies)?;
                valve.pause(&app.state, &mut buffers.txn, turn);
            }
        }
        for outage in fresh {
            let dependency = outage.dependency();
            if valve.has_beaters(dependency) {
                tracing::info!(checkpoint = self.name, dependency, "a dependency is down");
            } else {
                tracing::warn!(
                    checkpoint = self.name,
                    dependency,
                    "a dependency is down, and nothing in this app has sent a heartbeat of it: bind its handler by `before`, or \
                     call `heartbeat` in it"
                );
            }
            report(&app.clock, self.on_downtime, outage).await;
        }
        Ok(downtime.if_any())
    }

    /// Nor does how far it is.
    async fn noted_beat(
        &'static self,
        dependency: &'static Dependency,
        at: Option<DateTime<Utc>>,
    ) -> Result<()> {
        let here = self.here()?;
        let at = at.unwrap_or_else(|| here.0.clock.now());
        here.1.note(async move { self.beat(self.here()?, dependency, at).await });
        self.beat(here, dependency, at).await
    }

    async fn beat(
        &'static self,
        (app, step, valve): Here,
        dependency: &'static Dependency,
        at: DateTime<Utc>,
    ) -> Result<()> {
        let here = step.whereabouts();
        valve.beats(dependency.name(), &here.handler, &here.source);
        let over = {
            let mut buffers = step.touch();
            let mut rows = Rows::new(self.name, &app.state, &mut buffers.txn);
            let mut row = rows.read(dependency.name())?;
            row.beat = row.beat.max(Some(at.timestamp_micros()));
            let beat = Beat::new(row.beat, rows.last_pulse()?, dependency.threshold());
            let over = row.down.take_if(|_| dependency.has_recovered(&beat));
            row.turns += u64::from(over.is_some());
            rows.write(dependency.name(), &row)?;
            let over = match over {
                Some(down) if !self.hands_over(&mut rows, dependency, &down)? => Some(down),
                _ => None,
            };
            if over.is_some() {
                let turn = rows.turns(self.dependencies)?;
                valve.resume(&app.state, &mut buffers.txn, turn);
            }
            over
        };
        if let Some(down) = over {
            report(&app.clock, self.on_recovery, Outage::of(self.name, dependency.name(), &down)).await;
        }
        Ok(())
    }

    /// Another dependency that is down takes over what was noted; whether there is one.
    fn hands_over(&self, rows: &mut Rows<'_>, dependency: &Dependency, down: &Down) -> Result<bool> {
        tracing::info!(checkpoint = self.name, dependency = dependency.name(), "a dependency has recovered");
        for other in self.dependencies.iter().filter(|other| other.name() != dependency.name()) {
            let mut row = rows.read(other.name())?;
            if let Some(still) = &mut row.down {
                still.join(down);
                rows.write(other.name(), &row)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The dependency of this name, or the only one.
    fn find(&self, name: Option<&str>) -> Result<&'static Dependency> {
        let text = match (name, self.dependencies) {
            (None, [only]) => return Ok(only),
            (None, _) => format!(
                "the checkpoint `{}` has several dependencies: say whose heartbeat it is, by `heartbeat_of`, or in \
                 `before` by `.dependency(\"..\")`",
                self.name
            ),
            (Some(name), all) => match all.iter().find(|known| known.name() == name) {
                Some(found) => return Ok(found),
                None => format!("the checkpoint `{}` has no dependency `{name}`", self.name),
            },
        };
        Err(Error::new(ErrorKind::Misuse, text))
    }

    /// Where the caller is, and what this app keeps for the checkpoint.
    fn here(&'static self) -> Result<Here> {
        let Current { app, step } = scope::current(|| format!("the checkpoint `{}`", self.name))?;
        let Some(step) = step else {
            let text = format!("the checkpoint `{}` is used by handlers: call it in one", self.name);
            return Err(Error::new(ErrorKind::Misuse, text));
        };
        self.open(&app)?;
        let valve = self.valve(&app)?;
        Ok((app, step, valve))
    }

    fn valve(&'static self, app: &Shared) -> Result<Arc<Valve>> {
        self.slot.of(app, || Valve::new(self.name))
    }

    /// The first use in an app: what was down when the state was left is down still, and who had ended then may go on.
    fn open(&'static self, app: &Arc<Shared>) -> Result<()> {
        // A step that was read in may have to be made again.
        app.uses_caches.store(true, Relaxed);
        let valve = self.valve(app)?;
        let Some(_opening) = valve.opening() else { return Ok(()) };
        let down = app.state.outside(|txn| {
            let (mut rows, mut down) = (Rows::new(self.name, &app.state, txn), None);
            for dependency in self.dependencies {
                let mut row = rows.read(dependency.name())?;
                row.has_ended = false;
                rows.write(dependency.name(), &row)?;
                down = down.or(row.down);
            }
            let turn = rows.turns(self.dependencies)?;
            Ok(down.map(|down| (down, turn)))
        })?;
        if let Some((down, turn)) = down.filter(|_| self.pauses) {
            valve.was_down(app, &down.source, turn);
        }
        let (weak, watched) = (Arc::downgrade(app), Arc::downgrade(&valve));
        app.on_end(Box::new(move |job| {
            let (Some(app), Some(valve)) = (weak.upgrade(), watched.upgrade()) else { return };
            for dependency in self.dependencies {
                if valve.has_no_more_beats(dependency.name(), job) {
                    app.employ(self.ended(app.clone(), valve.clone(), dependency));
                }
            }
        }));
        Ok(())
    }
}
