//! What a checkpoint depends on, and how it is told whether that is down.

use chrono::{DateTime, TimeDelta, Utc};
use std::time::Duration;

/// A stream that another depends on.
///
/// ```
/// use slipstream::prelude::*;
/// /// Down when nothing was heard of it for an hour of event time.
/// const WEATHER: Dependency = Dependency::new("weather", hours(1));
/// assert_eq!(WEATHER.name(), "weather");
/// ```
pub struct Dependency {
    name: &'static str,
    threshold: Duration,
    down_if: Option<fn(&Beat) -> Option<Duration>>,
    recovered_if: Option<fn(&Beat) -> bool>,
}

/// How far a dependency and its dependent are, for a check of the user's own.
///
/// ```
/// use slipstream::prelude::*;
/// /// Down as soon as it is behind at all.
/// const STRICT: Dependency =
///     Dependency::new("strict", secs(0)).down_if(|beat| Some(beat.behind()).filter(|behind| !behind.is_zero()));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Beat {
    beat: Option<i64>,
    pulse: Option<i64>,
    threshold: Duration,
}

impl Dependency {
    /// A dependency of this name, which its state goes by, that may be so far behind by event time.
    ///
    /// # Panics
    /// If the name is empty or has a 0 in it; for a static, when it is compiled.
    #[track_caller]
    pub const fn new(name: &'static str, threshold: Duration) -> Self {
        Dependency { name: crate::store::checked(name), threshold, down_if: None, recovered_if: None }
    }

    /// Decides otherwise whether it is down, and for how long. By default it is when the dependent is further ahead than
    /// the threshold.
    #[must_use]
    pub const fn down_if(mut self, check: fn(&Beat) -> Option<Duration>) -> Self {
        self.down_if = Some(check);
        self
    }

    /// Decides otherwise whether it has recovered, once it was down. By default it has when it is as far as its dependent.
    #[must_use]
    pub const fn recovered_if(mut self, check: fn(&Beat) -> bool) -> Self {
        self.recovered_if = Some(check);
        self
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn threshold(&self) -> Duration {
        self.threshold
    }

    /// Whether the first pulse counts as a heartbeat: else one that has never come would never be down.
    pub(super) fn seeds(&self) -> bool {
        self.down_if.is_none()
    }

    pub(super) fn is_down(&self, beat: &Beat) -> Option<Duration> {
        match self.down_if {
            Some(check) => check(beat),
            None => Some(beat.behind()).filter(|behind| *behind > self.threshold),
        }
    }

    pub(super) fn has_recovered(&self, beat: &Beat) -> bool {
        match self.recovered_if {
            Some(check) => check(beat),
            None => beat.beat >= beat.pulse,
        }
    }
}

/// What is known of a dependency goes by its name.
///
/// # Panics
/// If two have one.
#[track_caller]
pub(super) const fn are_named_apart(dependencies: &[Dependency]) {
    let mut one = 0;
    while one < dependencies.len() {
        let mut other = 0;
        while other < one {
            let (left, right) = (dependencies[one].name.as_bytes(), dependencies[other].name.as_bytes());
            let mut at = 0;
            while at < left.len() && at < right.len() && left[at] == right[at] {
                at += 1;
            }
            assert!(at < left.len() || at < right.len(), "two dependencies of a checkpoint have one name");
            other += 1;
        }
        one += 1;
    }
}

impl Beat {
    pub(super) fn new(beat: Option<i64>, pulse: Option<i64>, threshold: Duration) -> Self {
        Beat { beat, pulse, threshold }
    }

    /// The latest event time of the dependency; `None` if it was never heard of.
    pub fn heartbeat(&self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_micros(self.beat?)
    }

    /// The latest event time of the dependent.
    pub fn pulse(&self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_micros(self.pulse?)
    }

    /// How far the dependency may be behind.
    pub fn threshold(&self) -> Duration {
        self.threshold
    }

    /// How far the dependency is behind its dependent.
    pub fn behind(&self) -> Duration {
        let (Some(beat), Some(pulse)) = (self.beat, self.pulse) else { return Duration::ZERO };
        TimeDelta::microseconds(pulse.saturating_sub(beat)).to_std().unwrap_or_default()
    }
}
