//! Settings, by layers: what the program sets, the file, the environment, the command line. Who reads one does not know
//! which layer it is of; errors say it. Nothing here knows what the settings are for.

mod file;
mod layer;
mod process;
mod text;

use layer::{Layer, Level, Setting};
pub(crate) use process::{Given, give};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// An app's settings, by dotted names. Each layer counts before those above it in this table:
///
/// | layer | as | who has it |
/// |---|---|---|
/// | the program | [`Config::set`] | every app |
/// | the file `slipstream.toml` in the working directory, or the one that `--config` or `SLIPSTREAM_CONFIG` names | `[app]`, `id = "quakes"` | [`of_process`](Config::of_process), as [`App::collected`](crate::App::collected) |
/// | the environment: upper case, and `_` for every `.` or `-` | `SLIPSTREAM_APP_ID=quakes` | the same |
/// | the command line of `#[slipstream::main]` | `--app.id=quakes` | the same |
///
/// In any layer `NAME.file` (`SLIPSTREAM_.._FILE`) names a file that has the value, for a secret that must be seen neither
/// in a file of settings nor in the environment nor in a list of processes; the end of its line is no part of it.
///
/// | name | meaning | default |
/// |---|---|---|
/// | `app.id` | names the consumer group and the state directory | the binary's name |
/// | `state.dir` | where the state directories of apps lie, or `memory` | `state` |
/// | `state.durability` | what a commit survives: `process` (a kill) or `power` (a loss of power) | `process` |
/// | `state.on.loss` | about damaged or lost state: `fail`, or `replay` from the sources, with the old moved aside; and about a partition that another instance had meanwhile: `fail`, or `replay` what it did | `fail` |
/// | `state.memory.mib` | memory for rows, for what is not in the store yet, and for the store's cache; sled takes more for itself | 512 |
/// | `commit.interval.ms` | time between commits | 100 |
/// | `shutdown.timeout.ms` | how long draining may take | 30000 |
/// | `kafka.bootstrap.servers` | a broker's address, or `memory` | none |
/// | `kafka.*` | librdkafka's settings, verbatim | librdkafka's |
/// | `avro.registry.url` | the schema registry that topics with the codec `Avro` use | none |
/// | `avro.registry.auth` | `USER:PASSWORD` for it | none |
/// | `avro.registry.ca` | a PEM file with the only certificates by which an `https` one is believed | Mozilla's |
/// | `avro.registry.subject` | how subjects are named: `topic`, `record` or `topic-record` | `topic` |
/// | `avro.registry.register` | whether schemas that are missing there are registered: `true` or `false` | `true` |
/// | `topics.create` | whether topics that are missing are made: `true` or `false`, which makes them preflight errors | `true` |
/// | `topic.NAME.name` | what the topic is called on the broker | `NAME` |
/// | `topic.NAME.dry` | whether what is sent to it counts as delivered and goes nowhere: `true` or `false` | as [`Topic::dry`](crate::Topic::dry) |
/// | `topic.NAME.create.partitions` | how many partitions it gets if it is missing; above [`Topic::partitions`](crate::Topic::partitions) | 1 |
/// | `topic.NAME.create.replication.factor` | how many brokers then store it | the broker's |
/// | `topic.NAME.create.*` | the broker's settings that it is then made with, such as `cleanup.policy` | the broker's |
/// | `log` | what is logged by `#[slipstream::main]`, such as `debug`; not by the program | `info` |
/// | `topic.NAME.*` | librdkafka's settings of a producer, for this topic, such as `compression.type`; it then has a producer of its own | as `kafka.*` |
///
/// Names that are none of these are warned about. One that librdkafka does not know stops the start, since it may have been
/// meant to protect something.
///
/// ```
/// use slipstream::Config;
/// let config = Config::new().set("kafka.bootstrap.servers", "memory");
/// assert_eq!(config.get("kafka.bootstrap.servers"), Some("memory"));
/// ```
#[derive(Clone, Default)]
pub struct Config {
    layers: [Layer; 4],
    /// What is wrong with the file as a whole.
    problems: Vec<String>,
}

/// The names that have no part of the user's in them.
pub(crate) const KNOWN: [&str; 14] = [
    "app.id",
    "state.dir",
    "state.durability",
    "state.on.loss",
    "state.memory.mib",
    "commit.interval.ms",
    "shutdown.timeout.ms",
    "avro.registry.url",
    "avro.registry.auth",
    "avro.registry.ca",
    "avro.registry.subject",
    "avro.registry.register",
    "topics.create",
    "log",
];

impl Config {
    /// No settings, and none that the process was given.
    pub fn new() -> Self {
        Config::default()
    }

    /// What the process was given, above what is [`set`](Config::set): the file, the environment, and the command line
    /// where `#[slipstream::main]` has read one. What is wrong there is a problem of the app's start.
    ///
    /// ```
    /// let config = slipstream::Config::of_process().set("app.id", "quakes");
    /// assert!(config.get("app.id").is_some());
    /// ```
    pub fn of_process() -> Self {
        process::config()
    }

    /// Sets a name in the program; every other layer is above that. What `NAME.file` names is read at once.
    #[must_use]
    pub fn set(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        self.layers[Level::Program as usize].put(&name, &value.into(), "by the program".to_owned());
        self
    }

    /// The value of a name, by the highest layer that has one.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.setting(name)?.value.as_deref().ok()
    }

    fn setting(&self, name: &str) -> Option<&Setting> {
        let variable = variable(name);
        LEVELS.into_iter().zip(&self.layers).rev().find_map(|(level, layer)| match level {
            Level::Environment => layer.get(&variable),
            _ => layer.get(name),
        })
    }

    /// Takes over what `other` has, layer by layer.
    pub(crate) fn merge(&mut self, other: Config) {
        self.layers.iter_mut().zip(other.layers).for_each(|(layer, other)| layer.extend(other));
        self.problems.extend(other.problems);
    }

    /// What is wrong with a setting, and where it is set.
    pub(crate) fn wrong(&self, name: &str, what: &str) -> String {
        format!("`{name}` {what}{}", self.place(name))
    }

    /// `; it is set ..`, if it is.
    pub(crate) fn place(&self, name: &str) -> String {
        self.setting(name).map_or_else(String::new, |setting| format!("; it is set {}", setting.place))
    }

    /// The settings that cannot be had, and what is wrong with the file.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = self.problems.clone();
        let mut seen = BTreeSet::new();
        for (level, layer) in LEVELS.into_iter().zip(&self.layers).rev() {
            let here: Vec<String> = layer.iter().map(|(name, _)| variable(name)).collect();
            for (name, setting) in layer.iter().filter(|(name, _)| !seen.contains(&variable(name))) {
                if let Err(why) = &setting.value {
                    problems.push(format!("{} {why}; it is set {}", shown(level, name), setting.place));
                }
            }
            seen.extend(here);
        }
        problems
    }

    /// What is set that nothing reads, with what may have been meant; `topics` are the names of the app's topics.
    pub(crate) fn unknown(&self, topics: &[&str]) -> Vec<String> {
        let mut told = Vec::new();
        for (level, layer) in LEVELS.into_iter().zip(&self.layers) {
            let written = |name: &str| match level {
                Level::Environment => variable(name),
                _ => name.to_owned(),
            };
            let starts = |name: &str, prefix: &str| {
                name.strip_prefix(&*written(prefix)).is_some_and(|rest| !rest.is_empty())
            };
            let is_known = |name: &str| {
                starts(name, "kafka.")
                    || topics.iter().any(|topic| starts(name, &format!("topic.{topic}.")))
                    || KNOWN.iter().any(|known| written(known) == name)
            };
            let of_topics = topics.iter().map(|topic| format!("topic.{topic}.name"));
            let known: Vec<String> = KNOWN
                .iter()
                .map(|known| (*known).to_owned())
                .chain(of_topics)
                .map(|name| written(&name))
                .collect();
            for (name, setting) in layer.iter().filter(|(name, _)| !is_known(name)) {
                let (name, near) = (shown(level, name), nearest(name, known.iter().map(String::as_str)));
                let near =
                    near.map_or_else(String::new, |near| format!(", did you mean {}?", shown(level, near)));
                told.push(format!("{name}, set {}, is no setting{near}", setting.place));
            }
        }
        told
    }

    /// All names below a prefix, without it.
    #[cfg_attr(not(feature = "kafka"), allow(dead_code))] // settings of a broker are all that is read so
    pub(crate) fn below(&self, prefix: &str) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        let variables = variable(prefix);
        for (level, layer) in LEVELS.into_iter().zip(&self.layers) {
            for (name, setting) in layer.iter() {
                let rest = match level {
                    Level::Environment => {
                        name.strip_prefix(&*variables).map(|rest| rest.replace('_', ".").to_lowercase())
                    }
                    _ => name.strip_prefix(prefix).map(str::to_owned),
                };
                if let (Some(rest), Ok(value)) = (rest, &setting.value) {
                    found.insert(rest, value.clone());
                }
            }
        }
        found
    }

    /// A duration in milliseconds; the error says what was found.
    pub(crate) fn millis(&self, name: &str, default: u64) -> Result<Duration, String> {
        let Some(text) = self.get(name) else { return Ok(Duration::from_millis(default)) };
        match text.parse() {
            Ok(millis) => Ok(Duration::from_millis(millis)),
            Err(_) => Err(self.wrong(name, "is a number of milliseconds")),
        }
    }

    pub(crate) fn app_id(&self) -> String {
        if let Some(id) = self.get("app.id") {
            return id.to_owned();
        }
        let binary = std::env::current_exe().ok();
        let stem = binary.as_ref().and_then(|path| path.file_stem());
        stem.map_or_else(|| "app".to_owned(), |stem| stem.to_string_lossy().into_owned())
    }

    #[cfg_attr(not(feature = "sled"), allow(dead_code))] // without an engine there is no directory
    pub(crate) fn state_dir(&self) -> PathBuf {
        PathBuf::from(self.get("state.dir").unwrap_or("state"))
    }
}

const LEVELS: [Level; 4] = [Level::Program, Level::File, Level::Environment, Level::Command];

/// A name as the environment has it, without the prefix.
fn variable(name: &str) -> String {
    name.replace(['.', '-'], "_").to_uppercase()
}

/// A name as its layer has it.
fn shown(level: Level, name: &str) -> String {
    match level {
        Level::Environment => format!("`{}{name}`", process::PREFIX),
        _ => format!("`{name}`"),
    }
}

/// `, did you mean ..?`, if there is a name as near as that.
pub(crate) fn near<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    nearest(name, known).map_or_else(String::new, |known| format!(", did you mean `{known}`?"))
}

fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.map(|known| (strsim::damerau_levenshtein(name, known), known)).min();
    near.filter(|(far, known)| *far <= 3 && 2 * far <= known.len()).map(|(_, known)| known)
}

/// Shows names only: a value may be a secret.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |level: Level| self.layers[level as usize].iter().map(|(name, _)| name);
        let mut shown = f.debug_struct("Config");
        for level in LEVELS {
            shown.field(&format!("{level:?}").to_lowercase(), &names(level).collect::<Vec<_>>());
        }
        shown.finish()
    }
}

#[cfg(test)]
mod tests;
