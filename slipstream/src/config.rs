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
/// | `avro.registry.subject` | how subjects are named: `topic`, `record` or `topic-record` | `topic` |
/// | `avro.registry.register` | whether schemas that are missing there are registered: `true` or `false` | `true` |
/// | `topic.NAME.name` | what the topic is called on the broker | `NAME` |
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

    /// All names below a prefix, without it.
    #[cfg_attr(not(feature = "kafka"), allow(dead_code))] // librdkafka's settings are all that is read so
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
            Err(_) => Err(format!("`{name}` is a number of milliseconds, not `{text}`")),
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
    fn below_gives_the_rest_of_the_name() {
        let config = Config::new().set("kafka.linger.ms", "5").set("app.id", "x");
        assert_eq!(
            config.below("kafka.").into_iter().collect::<Vec<_>>(),
            [("linger.ms".into(), "5".into())]
        );
    }
}
