//! Settings: what the program sets, and over it what the environment says.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// An app's settings, by dotted names.
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
    set: BTreeMap<String, String>,
    environment: BTreeMap<String, String>,
}

/// The prefix of the environment's names: `SLIPSTREAM_APP_ID` is `app.id`.
const PREFIX: &str = "SLIPSTREAM_";

/// The names that have no part of the user's in them.
const KNOWN: [&str; 13] = [
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
];

impl Config {
    /// No settings, and none from the environment.
    pub fn new() -> Self {
        Config::default()
    }

    /// The settings of the process's environment, which stay above what is [`set`](Config::set).
    ///
    /// `SLIPSTREAM_KAFKA_BOOTSTRAP_SERVERS` is `kafka.bootstrap.servers`: upper case, and `_` for every `.` or `-`.
    ///
    /// ```
    /// let config = slipstream::Config::from_env().set("app.id", "quakes");
    /// assert!(config.get("app.id").is_some());
    /// ```
    pub fn from_env() -> Self {
        Config { set: BTreeMap::new(), environment: std::env::vars_os().filter_map(named).collect() }
    }

    /// Sets a name; the environment still wins.
    #[must_use]
    pub fn set(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.set.insert(name.into(), value.into());
        self
    }

    /// The value of a name, by the environment if that has one.
    pub fn get(&self, name: &str) -> Option<&str> {
        let variable = name.replace(['.', '-'], "_").to_uppercase();
        self.environment.get(&variable).or_else(|| self.set.get(name)).map(String::as_str)
    }

    /// Takes over what `other` sets; whatever environment either of them knows stays above.
    pub(crate) fn merge(&mut self, other: Config) {
        self.set.extend(other.set);
        self.environment.extend(other.environment);
    }

    /// What is set that nothing reads, with what may have been meant; `topics` are the names of the app's topics.
    pub(crate) fn unknown(&self, topics: &[&str]) -> Vec<String> {
        let variable = |name: &str| name.replace(['.', '-'], "_").to_uppercase();
        let below = |name: &str, dot: &str, as_written: &dyn Fn(&str) -> String| {
            let starts = |prefix: String| {
                name.strip_prefix(&*as_written(&prefix)).is_some_and(|rest| !rest.is_empty())
            };
            starts(format!("kafka{dot}"))
                || topics.iter().any(|topic| starts(format!("topic{dot}{topic}{dot}")))
        };
        let of_program = self.set.keys().filter(|name| !below(name, ".", &str::to_owned));
        let of_program = of_program.filter(|name| !KNOWN.contains(&&***name)).map(|name| {
            let of_topics = topics.iter().map(|topic| format!("topic.{topic}.name"));
            let known: Vec<String> = KNOWN.iter().map(|known| (*known).to_owned()).chain(of_topics).collect();
            format!("the setting `{name}` is unknown{}", near(name, known.iter().map(String::as_str)))
        });
        let of_environment = self.environment.keys().filter(|name| !below(name, ".", &variable));
        let known: Vec<String> = KNOWN.iter().map(|name| format!("{PREFIX}{}", variable(name))).collect();
        let of_environment = of_environment.map(|name| format!("{PREFIX}{name}"));
        let of_environment = of_environment.filter(|name| !known.contains(name)).map(|name| {
            let near = near(&name, known.iter().map(String::as_str));
            format!("the environment's `{name}` is no setting{near}")
        });
        of_program.chain(of_environment).collect()
    }

    /// All names below a prefix, without it.
    #[cfg_attr(not(feature = "kafka"), allow(dead_code))] // settings of a broker are all that is read so
    pub(crate) fn below(&self, prefix: &str) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        for (name, value) in &self.set {
            if let Some(rest) = name.strip_prefix(prefix) {
                found.insert(rest.to_owned(), value.clone());
            }
        }
        let variables = prefix.replace(['.', '-'], "_").to_uppercase();
        for (variable, value) in &self.environment {
            if let Some(rest) = variable.strip_prefix(&variables) {
                found.insert(rest.replace('_', ".").to_lowercase(), value.clone());
            }
        }
        found
    }

    /// A duration in milliseconds; the error says what was found.
    pub(crate) fn millis(&self, name: &str, default: u64) -> Result<Duration, String> {
        let Some(text) = self.get(name) else { return Ok(Duration::from_millis(default)) };
        match text.parse() {
            Ok(millis) => Ok(Duration::from_millis(millis)),
            Err(_) => Err(format!("`{name}` is a number of milliseconds")),
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

/// `, did you mean ..?`, if there is a name as near as that.
pub(crate) fn near<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let near = known.map(|known| (strsim::damerau_levenshtein(name, known), known)).min();
    near.filter(|(far, _)| *far <= 3)
        .map_or_else(String::new, |(_, known)| format!(", did you mean `{known}`?"))
}

fn named((name, value): (std::ffi::OsString, std::ffi::OsString)) -> Option<(String, String)> {
    let name = name.into_string().ok()?;
    Some((name.strip_prefix(PREFIX)?.to_owned(), value.into_string().ok()?))
}

/// Shows names only: a value may be a secret.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("set", &self.set.keys())
            .field("environment", &self.environment.keys())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::Config;

    #[test]
    fn debug_shows_no_value() {
        let config = Config::new().set("kafka.sasl.password", "canary");
        assert!(!format!("{config:?}").contains("canary"));
    }

    #[test]
    fn all_that_the_table_has_is_known() {
        let table = include_str!("config.rs").lines().filter_map(|line| line.strip_prefix("/// | `"));
        let names: Vec<&str> = table.filter_map(|line| line.split('`').next()).collect();
        assert!(names.len() > super::KNOWN.len());
        let config =
            names.iter().fold(Config::new(), |config, name| config.set(name.replace("NAME", "a.b"), ""));
        assert_eq!(config.unknown(&["a.b"]), [""; 0]);
    }

    #[test]
    fn what_nothing_reads_is_told_with_what_is_near() {
        let mut config =
            Config::new().set("comit.interval.ms", "canary").set("topic.wrods.name", "x").set("far.off", "");
        config.environment.insert("STATE_DRI".into(), String::new());
        config.environment.insert("TOPIC_WORDS_NAME".into(), String::new());
        config.environment.insert("KAFKA_LINGER_MS".into(), String::new());
        assert_eq!(
            config.unknown(&["words"]),
            [
                "the setting `comit.interval.ms` is unknown, did you mean `commit.interval.ms`?",
                "the setting `far.off` is unknown",
                "the setting `topic.wrods.name` is unknown, did you mean `topic.words.name`?",
                "the environment's `SLIPSTREAM_STATE_DRI` is no setting, did you mean `SLIPSTREAM_STATE_DIR`?",
            ]
        );
    }

    #[test]
    fn below_gives_the_rest_of_the_name() {
        let config = Config::new().set("kafka.linger.ms", "5").set("app.id", "x");
        assert_eq!(
            config.below("kafka.").into_iter().collect::<Vec<_>>(),
            [("linger.ms".into(), "5".into())]
        );
    }
}
