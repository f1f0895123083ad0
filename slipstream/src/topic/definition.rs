//! What a static topic says of itself, whatever its types.

use crate::error::{Error, ErrorKind, Result};
use crate::log::Origin;
use crate::needs::Named;
use crate::scope::{Shared, Slot};
use chrono::{DateTime, NaiveDate, Utc};
use std::any::Any;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock};

/// Where a topic is read from where neither the app's state nor the consumer group knows a position.
///
/// ```
/// use slipstream::prelude::*;
/// static QUAKES: Topic<String, f64> = Topic::new("quakes").start(Start::Earliest);
/// static FEEDS: Topic<String, f64> = Topic::new("feeds").start(Start::Offsets(&[(0, 1200), (1, 1100)]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Start {
    /// From the oldest record that is kept.
    Earliest,
    /// From what is written after the start.
    Latest,
    /// From these offsets, by partition, and from the oldest record in the others, so that none is passed over. A
    /// partition that there is not, or an offset that it does not hold (its end is one that it holds), stops the app.
    Offsets(&'static [(u32, i64)]),
    /// From the first record of this time or later in each partition, by the records' own times; from what is written
    /// after the start where there is none. What follows that record is read whatever its time. [`Start::at`] takes it as
    /// text.
    At(DateTime<Utc>),
}

impl Start {
    /// [`Start::At`] a time as RFC 3339 has it.
    ///
    /// ```
    /// use slipstream::prelude::*;
    /// static QUAKES: Topic<String, f64> = Topic::new("quakes").start(Start::at("2026-11-01T00:00:00Z"));
    /// ```
    ///
    /// A time that is none does not compile:
    ///
    /// ```compile_fail
    /// use slipstream::prelude::*;
    /// static QUAKES: Topic<String, f64> = Topic::new("quakes").start(Start::at("yesterday"));
    /// ```
    ///
    /// # Panics
    /// If it is no such time; in a static that is an error of the compiler.
    pub const fn at(time: &str) -> Start {
        match rfc_3339(time.as_bytes()) {
            Some(time) => Start::At(time),
            #[allow(clippy::panic)] // it is said in the documentation, and a static's is the compiler's
            None => panic!("a start is a time as RFC 3339 has it, such as `2026-11-01T00:00:00Z`"),
        }
    }

    pub(crate) fn origin(self) -> Origin {
        match self {
            Start::Earliest => Origin::Earliest,
            Start::Latest => Origin::Latest,
            Start::Offsets(offsets) => Origin::Offsets(offsets),
            Start::At(time) => Origin::At(time.timestamp_millis()),
        }
    }

    /// Says so if it names partitions that a topic does not have, or one twice.
    fn check(self, topic: &str, partitions: u32) -> Result<()> {
        let Start::Offsets(offsets) = self else { return Ok(()) };
        for (at, (partition, _)) in offsets.iter().enumerate() {
            let what = match offsets[..at].iter().any(|(before, _)| before == partition) {
                true => "is named twice",
                false if *partition >= partitions => "is not there",
                false => continue,
            };
            let text = format!(
                "the topic `{topic}` is to start by `Start::Offsets`, and of its {partitions} partitions {partition} {what}"
            );
            return Err(Error::new(ErrorKind::Log, text));
        }
        Ok(())
    }
}

/// `2026-11-01T00:00:00Z`, with a part of a second or an offset from UTC, to the millisecond. chrono's own parser is no
/// `const fn`.
const fn rfc_3339(text: &[u8]) -> Option<DateTime<Utc>> {
    const fn number(text: &[u8], from: usize, to: usize) -> Option<u32> {
        let (mut number, mut at) = (0, from);
        while at < to {
            if at >= text.len() || !text[at].is_ascii_digit() {
                return None;
            }
            number = number * 10 + (text[at] - b'0') as u32;
            at += 1;
        }
        Some(number)
    }
    const fn are(text: &[u8], at: [usize; 4], marks: &[u8; 4]) -> bool {
        let mut mark = 0;
        while mark < 4 {
            if at[mark] >= text.len() || text[at[mark]].to_ascii_uppercase() != marks[mark] {
                return false;
            }
            mark += 1;
        }
        true
    }
    if !are(text, [4, 7, 10, 13], b"--T:") || text.len() < 20 || text[16] != b':' {
        return None;
    }
    let (Some(year), Some(month), Some(day)) = (number(text, 0, 4), number(text, 5, 7), number(text, 8, 10))
    else {
        return None;
    };
    let (Some(hour), Some(minute), Some(second)) =
        (number(text, 11, 13), number(text, 14, 16), number(text, 17, 19))
    else {
        return None;
    };
    let (mut at, mut milli) = (19, 0);
    if text[at] == b'.' {
        let mut weight = 100;
        at += 1;
        while at < text.len() && text[at].is_ascii_digit() {
            milli += (text[at] - b'0') as u32 * weight;
            weight /= 10;
            at += 1;
        }
    }
    let offset = match text.len() - at {
        1 if text[at].eq_ignore_ascii_case(&b'Z') => 0,
        6 if text[at + 3] == b':' && (text[at] == b'+' || text[at] == b'-') => {
            let (Some(hours), Some(minutes)) = (number(text, at + 1, at + 3), number(text, at + 4, at + 6))
            else {
                return None;
            };
            if hours > 23 || minutes > 59 {
                return None;
            }
            let seconds = (hours * 3600 + minutes * 60) as i64;
            if text[at] == b'+' { seconds } else { -seconds }
        }
        _ => return None,
    };
    let Some(date) = NaiveDate::from_ymd_opt(year as i32, month, day) else { return None };
    let Some(local) = date.and_hms_milli_opt(hour, minute, second, milli) else { return None };
    DateTime::from_timestamp_millis(local.and_utc().timestamp_millis() - offset * 1000)
}

/// A topic without its types.
pub(crate) struct Definition {
    pub(crate) name: &'static str,
    pub(crate) start: Start,
    pub(crate) until_end: bool,
    pub(crate) partitions: Option<u32>,
    pub(crate) dry: bool,
    pub(crate) slot: Slot,
}

/// What an app knows of a topic; an error is one for good.
#[derive(Default)]
pub(crate) struct Ready {
    name: OnceLock<Result<Arc<str>, String>>,
    /// The codec at work, if it is more than a type.
    pub(crate) codec: OnceLock<Result<Option<Arc<dyn Any + Send + Sync>>, String>>,
}

/// How many partitions a topic gets that is made because it was missing, if it does not say.
const PARTITIONS: u32 = 1;

impl Definition {
    pub(crate) const fn new(name: &'static str) -> Self {
        Definition {
            name,
            start: Start::Latest,
            until_end: false,
            partitions: None,
            dry: false,
            slot: Slot::new(),
        }
    }

    /// For preflight.
    pub(crate) fn named(&'static self, types: &'static str) -> Named {
        let prepare = Arc::new(|app: &Arc<Shared>| self.name_in(app).map(drop));
        Named { name: self.name, slot: self.slot.index(), types, prepare: Some(prepare) }
    }

    /// What an app knows of the topic.
    pub(crate) fn ready(&self, app: &Shared) -> Result<Arc<Ready>> {
        self.slot.of(app, Ready::default)
    }

    /// The topic's name on the broker, once it is known to be there.
    pub(crate) fn name_in(&self, app: &Shared) -> Result<Arc<str>> {
        let ready = self.ready(app)?;
        self.known(&ready, app)
    }

    pub(crate) fn known(&self, ready: &Ready, app: &Shared) -> Result<Arc<str>> {
        let name = ready.name.get_or_init(|| self.ensure(app).map_err(|error| error.to_string()));
        name.clone().map_err(|text| Error::new(ErrorKind::Log, text))
    }

    /// Makes sure that the topic is there, with as many partitions as asked for.
    fn ensure(&self, app: &Shared) -> Result<Arc<str>> {
        let name = app.topic_name(self.name);
        let log = app.log()?;
        let dry = format!("topic.{}.dry", self.name);
        let dry = match app.config.get(&dry) {
            None => self.dry,
            Some("true") => true,
            Some("false") => false,
            Some(_) => {
                return Err(Error::new(ErrorKind::Preflight, app.config.wrong(&dry, "is `true` or `false`")));
            }
        };
        if dry {
            app.is_dry(&name);
            tracing::info!("the topic `{name}` is dry: nothing is written to it");
        }
        let asked = self.asked(app)?;
        let partitions = match (log.partitions(&name)?, asked) {
            (Some(found), Some(asked)) if found != asked => {
                let by = if self.partitions == Some(asked) { "the program says" } else { "its settings say" };
                let text = format!("the topic `{name}` has {found} partitions, and {by} {asked}");
                return Err(Error::new(ErrorKind::Log, text));
            }
            (Some(found), _) => found,
            (None, _) if dry => return Ok(name),
            (None, _) if app.config.get("topics.create") == Some("false") => {
                let text =
                    format!("the topic `{name}` is not there, and `topics.create` is `false`: make it first");
                return Err(Error::new(ErrorKind::Log, text));
            }
            (None, _) if app.only_checks.load(Relaxed) => {
                tracing::info!("the topic `{name}` is not there: a run makes it");
                return Ok(name);
            }
            (None, asked) => {
                let partitions = asked.unwrap_or(PARTITIONS);
                log.create(&name, partitions)?;
                tracing::info!("the topic `{name}` was not there, and was made with {partitions} partitions");
                partitions
            }
        };
        self.start.check(&name, partitions)?;
        Ok(name)
    }

    /// How many partitions it is to have, by the settings or else by the program.
    fn asked(&self, app: &Shared) -> Result<Option<u32>> {
        let setting = format!("topic.{}.create.partitions", self.name);
        let Some(text) = app.config.get(&setting) else { return Ok(self.partitions) };
        let number = text.trim().parse().ok().filter(|number| *number > 0);
        number.map(Some).ok_or_else(|| {
            let text = app.config.wrong(&setting, "is a number of partitions, from 1 on");
            Error::new(ErrorKind::Preflight, text)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Start;
    use chrono::DateTime;

    #[test]
    fn a_time_is_what_chrono_takes_for_it() {
        for text in [
            "2026-11-01T00:00:00Z",
            "2024-02-29t23:59:59z",
            "1969-12-31T23:59:59.5+05:30",
            "2026-11-01T00:00:00.123456789-23:59",
        ] {
            let chrono = DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis();
            let Start::At(time) = Start::at(text) else { panic!("{text}") };
            assert_eq!(time.timestamp_millis(), chrono, "{text}");
        }
        for text in [
            "",
            "2026-11-01",
            "2026-11-01T00:00:00",
            "2026-13-01T00:00:00Z",
            "2025-02-29T00:00:00Z",
            "2026-11-01T24:00:00Z",
            "2026-11-01T00:00:00+24:00",
            "2026-11-01T00:00:00+0100",
            "2026-11-01T00:00:0xZ",
            "2026-11-01T00:00:00ZZ",
        ] {
            assert!(super::rfc_3339(text.as_bytes()).is_none(), "{text}");
        }
    }
}
