//! The user's librdkafka settings, with our defaults, and without those that would break a promise.

use crate::config::near;
use crate::error::{Error, ErrorKind, Result};
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaConfRes;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Settings that have one value only, and why.
const FORCED: [(&str, &str, &str); 8] = [
    ("enable.auto.commit", "false", "offsets are committed when their effects are done"),
    ("auto.commit.enable", "false", "offsets are committed when their effects are done"),
    ("enable.auto.offset.store", "false", "offsets are committed when their effects are done"),
    ("enable.partition.eof", "true", "the end of a partition must be known"),
    ("auto.offset.reset", "error", "where to start is said by the topic's `start`"),
    ("enable.idempotence", "true", "a retry must neither double nor reorder records"),
    ("delivery.report.only.error", "false", "each record's offset must be known"),
    ("group.protocol", "classic", "the newer protocol stalls in this version of librdkafka"),
];

/// Settings that are not the user's to make, and why.
const REFUSED: [(&str, &str); 2] = [
    ("group.id", "the app's id names its consumer group"),
    ("transactional.id", "the app's id names its transactions"),
];

/// Defaults of ours for each kind of client; the names of one setting stand side by side. Those that are a matter of speed
/// are measured by `cargo xtask bench count defaults` (records a second, "times as fast") and `bench latency defaults`
/// (p50), beside what else they could be.
const CONSUMER: [(&[&str], &str); 8] = [
    // The least a broker allows, since a member that was killed is replaced only then; its beat is a third.
    (&["session.timeout.ms"], "6000"),
    (&["heartbeat.interval.ms"], "2000"),
    // librdkafka pauses a whole second once its queue was full: 0.37 times as fast. 1 ms: 0.97; latency 1.0 times.
    (&["fetch.queue.backoff.ms"], "10"),
    // A partition that is taken up or resumed waits for the request that is under way, and that for others' records.
    // 500 ms: 1.03 times as fast, latency 0.93 times; 10 ms: 0.96 and 1.15.
    (&["fetch.wait.max.ms"], "100"),
    // 64 MiB: 0.95 times as fast; 4 MiB: 1.01, but 0.76 to 1.65.
    (&["queued.max.messages.kbytes"], "16384"),
    (&["partition.assignment.strategy"], "range"),
    // A broker that is back is found again soon.
    (&["reconnect.backoff.max.ms"], "1000"),
    (&["client.id"], "slipstream"),
];
const PRODUCER: [(&[&str], &str); 9] = [
    // What a broker takes by default. librdkafka sends less, so that a dead letter could not have what was read.
    (&["message.max.bytes"], "1048588"),
    // As Java's producers, so that a key is in one partition whoever wrote it.
    (&["partitioner"], "murmur2_random"),
    // 0: 0.73 times as fast, latency 0.43 times; 50 ms: 1.03 and 5.4.
    (&["linger.ms", "queue.buffering.max.ms"], "5"),
    // None: 0.94 times as fast, latency 1.0 times.
    (&["compression.type", "compression.codec"], "lz4"),
    // No record fails because a broker is away: it is waited for, however long that takes.
    (&["message.timeout.ms", "delivery.timeout.ms"], "0"),
    // 500 000 records: 0.98 times as fast; 10 000: 0.97. 1 GiB: 1.02.
    (&["queue.buffering.max.messages"], "100000"),
    (&["queue.buffering.max.kbytes"], "65536"),
    (&["reconnect.backoff.max.ms"], "1000"),
    (&["client.id"], "slipstream"),
];

/// Settings that only the other kind of client has: librdkafka warns about them.
const ONLY_CONSUMER: &str = "auto.commit.interval.ms auto.offset.reset check.crcs coordinator.query.interval.ms \
    auto.commit.enable enable.auto.commit enable.auto.offset.store enable.partition.eof fetch.error.backoff.ms \
    fetch.max.bytes fetch.message.max.bytes fetch.min.bytes fetch.queue.backoff.ms fetch.wait.max.ms \
    group.instance.id group.protocol group.protocol.type group.remote.assignor heartbeat.interval.ms \
    isolation.level max.partition.fetch.bytes max.poll.interval.ms partition.assignment.strategy \
    queued.max.messages.kbytes queued.min.messages session.timeout.ms";
const ONLY_PRODUCER: &str = "acks batch.num.messages batch.size compression.codec compression.level \
    compression.type delivery.report.only.error delivery.timeout.ms enable.gapless.guarantee \
    enable.idempotence linger.ms message.send.max.retries message.timeout.ms partitioner \
    queue.buffering.backpressure.threshold queue.buffering.max.kbytes queue.buffering.max.messages \
    queue.buffering.max.ms queuing.strategy request.required.acks request.timeout.ms retries \
    sticky.partitioning.linger.ms transaction.timeout.ms";

/// Settings that both kinds have, as far as one may be meant by a misspelt name.
const BOTH: &str = "allow.auto.create.topics bootstrap.servers broker.address.family broker.address.ttl client.dns.lookup \
    client.id client.rack connections.max.idle.ms debug enabled_events max.in.flight message.copy.max.bytes \
    message.max.bytes metadata.broker.list metadata.max.age.ms receive.message.max.bytes reconnect.backoff.max.ms \
    reconnect.backoff.ms retry.backoff.max.ms retry.backoff.ms sasl.mechanism sasl.mechanisms sasl.password sasl.username \
    security.protocol socket.connection.setup.timeout.ms socket.keepalive.enable socket.timeout.ms ssl.ca.location \
    ssl.certificate.location ssl.key.location ssl.key.password statistics.interval.ms topic.metadata.refresh.interval.ms";

/// What is set for topics, by their names on the broker.
pub(crate) type TopicSettings = BTreeMap<String, BTreeMap<String, String>>;

/// What the names of settings begin with that a topic is made with.
const CREATE: &str = "create.";
const COPIES: &str = "create.replication.factor";

/// What clients are made with.
pub(super) struct Settings {
    given: BTreeMap<String, String>,
    topics: TopicSettings,
}

impl Settings {
    pub(super) fn new(given: BTreeMap<String, String>, topics: TopicSettings) -> Result<Self> {
        if !given.contains_key("bootstrap.servers") && !given.contains_key("metadata.broker.list") {
            return Err(refuse("bootstrap.servers", "is missing: it names the broker, as `host:port`"));
        }
        let servers = given.get("bootstrap.servers").or_else(|| given.get("metadata.broker.list"));
        let each = servers.iter().flat_map(|servers| servers.split(','));
        if let Some(server) = each.map(str::trim).find(|server| !server.is_empty() && !is_address(server)) {
            // It would be waited for in vain.
            return Err(refuse("bootstrap.servers", &format!("is `host:port`, which `{server}` is not")));
        }
        for (key, value, why) in FORCED {
            if given.get(key).is_some_and(|given| !given.trim().eq_ignore_ascii_case(value)) {
                return Err(refuse(key, &format!("must be `{value}`: {why}")));
            }
        }
        for (key, why) in REFUSED {
            if given.contains_key(key) {
                return Err(refuse(key, &format!("cannot be set: {why}")));
            }
        }
        let plain =
            given.get("security.protocol").is_none_or(|protocol| !protocol.to_lowercase().contains("ssl"));
        if plain && given.keys().any(|key| key == "sasl.password") {
            tracing::warn!(target: super::TARGET, "the password goes over the network without encryption");
        }
        let settings = Settings { given, topics };
        for (topic, own) in &settings.topics {
            settings.copies(topic)?;
            for key in own.keys().filter(|key| !key.starts_with(CREATE)) {
                let is_of = |all: &str| all.split_whitespace().any(|of_all| of_all == key);
                let why = if FORCED.iter().any(|(forced, ..)| forced == key) {
                    "has one value only, for all topics".to_owned()
                } else if is_of(ONLY_CONSUMER) {
                    "is set for all topics, as `kafka.*`: one consumer reads them".to_owned()
                } else if !is_of(ONLY_PRODUCER) {
                    let known = ["name", "dry", "create.partitions", COPIES].into_iter();
                    let near = near(key, known.chain(ONLY_PRODUCER.split_whitespace()));
                    format!("is not what one topic can have{near}")
                } else {
                    continue;
                };
                return Err(refuse(&format!("{key}` of the topic `{topic}"), &why));
            }
        }
        Ok(settings)
    }

    /// The topics that are written to by settings of their own.
    pub(super) fn topics_that_differ(&self) -> impl Iterator<Item = &str> {
        let differs = |own: &BTreeMap<String, String>| own.keys().any(|key| !key.starts_with(CREATE));
        self.topics.iter().filter(move |(_, own)| differs(own)).map(|(topic, _)| &**topic)
    }

    /// How many brokers are to store a topic that is made.
    pub(super) fn copies(&self, topic: &str) -> Result<Option<i32>> {
        let Some(copies) = self.topics.get(topic).and_then(|own| own.get(COPIES)) else { return Ok(None) };
        let copies = copies.trim().parse().ok().filter(|copies| *copies > 0);
        let wrong =
            || refuse(&format!("{COPIES}` of the topic `{topic}"), "is a number of brokers, from 1 on");
        copies.map(Some).ok_or_else(wrong)
    }

    /// The broker's own settings that a topic is made with.
    pub(super) fn made_with(&self, topic: &str) -> impl Iterator<Item = (&str, &str)> {
        let own = self.topics.get(topic).into_iter().flatten().filter(|(key, _)| *key != COPIES);
        own.filter_map(|(key, value)| Some((key.strip_prefix(CREATE)?, &**value)))
    }

    /// The brokers: the one setting that may be shown.
    pub(super) fn servers(&self) -> &str {
        let servers = self.given.get("bootstrap.servers").or_else(|| self.given.get("metadata.broker.list"));
        servers.map_or("", String::as_str)
    }

    /// How many records the producer of a topic, or of all others, holds at most.
    pub(super) fn queue(&self, topic: Option<&str>) -> usize {
        let config = self.producer(topic);
        let given = config.get("queue.buffering.max.messages").and_then(|given| given.trim().parse().ok());
        given.unwrap_or(100_000)
    }

    /// How long a record may wait in it for others.
    pub(super) fn linger(&self, topic: Option<&str>) -> Duration {
        let config = self.producer(topic);
        let given = config.get("linger.ms").or_else(|| config.get("queue.buffering.max.ms"));
        let millis = given.and_then(|given| given.trim().parse().ok()).filter(|millis| *millis >= 0.0);
        Duration::try_from_secs_f64(millis.unwrap_or(0.0_f64) / 1000.0).unwrap_or_default()
    }

    /// How many bytes a record may have. The rest is for what stands around it: the broker means the whole batch.
    pub(super) fn largest(&self) -> usize {
        let given = self.given.get("message.max.bytes").and_then(|given| given.trim().parse().ok());
        given.unwrap_or(1_048_588_usize).saturating_sub(128)
    }

    /// What must not be in any log line or error.
    pub(super) fn secrets(&self) -> Vec<String> {
        const SECRET: [&str; 8] =
            ["password", "secret", "key", "pem", "token", "oauthbearer.config", "jaas", "username"];
        let secret = |key: &str| SECRET.iter().any(|part| key.contains(part)) && !key.ends_with(".location");
        let given = self.given.iter().filter(|(key, value)| secret(key) && !value.is_empty());
        given.map(|(_, value)| value.clone()).collect()
    }

    /// The configuration of a consumer: of a group's member, or of one that only asks.
    pub(super) fn consumer(&self, group: Option<&str>) -> ClientConfig {
        let mut config = config(&self.given, ONLY_PRODUCER, &CONSUMER);
        config.set("enable.auto.commit", "false");
        config.set("enable.auto.offset.store", "false");
        config.set("enable.partition.eof", "true");
        config.set("auto.offset.reset", "error");
        if let Some(group) = group {
            config.set("group.id", group);
        }
        config
    }

    /// The configuration of the producer for one topic, or for all that have no settings of their own.
    pub(super) fn producer(&self, topic: Option<&str>) -> ClientConfig {
        let mut given = self.given.clone();
        for (key, value) in topic.and_then(|topic| self.topics.get(topic)).into_iter().flatten() {
            if key.starts_with(CREATE) {
                continue;
            }
            // It may be set for all by its other name.
            for (names, _) in PRODUCER.iter().filter(|(names, _)| names.contains(&&**key)) {
                names.iter().for_each(|name| drop(given.remove(*name)));
            }
            given.insert(key.clone(), value.clone());
        }
        let mut config = config(&given, ONLY_CONSUMER, &PRODUCER);
        config.set("enable.idempotence", "true");
        config
    }
}

fn config(given: &BTreeMap<String, String>, foreign: &str, defaults: &[(&[&str], &str)]) -> ClientConfig {
    let mut config = ClientConfig::new();
    // Otherwise it follows the `log` crate, which nobody may have set up; `tracing` filters here.
    config.set_log_level(RDKafkaLogLevel::Debug);
    for (names, value) in defaults {
        if !names.iter().any(|name| given.contains_key(*name)) {
            config.set(names[0], *value);
        }
    }
    for (key, value) in given {
        if !foreign.split_whitespace().any(|foreign| foreign == key) {
            config.set(key, value);
        }
    }
    config
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let others: Vec<_> = self.given.keys().filter(|key| *key != "bootstrap.servers").collect();
        f.debug_struct("Settings").field("bootstrap.servers", &self.servers()).field("set", &others).finish()
    }
}

/// Whether this is a host, most often with a port. Whether there is such a host may change.
fn is_address(server: &str) -> bool {
    let (_, host) = server.rsplit_once("://").unwrap_or(("", server));
    match host.rsplit_once(':') {
        // An IPv6 address in brackets, without a port.
        Some(_) if host.ends_with(']') => true,
        Some((host, port)) => !host.is_empty() && port.parse::<u16>().is_ok(),
        None => !host.is_empty(),
    }
}

/// Makes a client; what librdkafka says of a setting contains its value, and so is said in other words.
pub(super) fn client<C, T: FromClientConfigAndContext<C>>(config: &ClientConfig, context: C) -> Result<T>
where
    C: rdkafka::ClientContext,
{
    config.create_with_context(context).map_err(|error| match error {
        KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, _, key, _) => {
            let known = [ONLY_CONSUMER, ONLY_PRODUCER, BOTH].into_iter().flat_map(str::split_whitespace);
            let near = near(&key, known);
            refuse(&key, &format!("is unknown to librdkafka, or to a feature that was not built in{near}"))
        }
        KafkaError::ClientConfig(_, _, key, _) => refuse(&key, "has a value that librdkafka does not take"),
        // The texts of other errors name settings and files, but no values that are secret.
        error => Error::caused(ErrorKind::Log, "the Kafka client cannot be made of its settings", error),
    })
}

fn refuse(key: &str, why: &str) -> Error {
    Error::new(ErrorKind::Preflight, format!("the Kafka setting `{key}` {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(given: &[(&str, &str)]) -> Result<Settings> {
        let servers = [("bootstrap.servers", "broker:9092")];
        Settings::new(pairs(&[&servers, given].concat()), TopicSettings::new())
    }

    fn pairs(given: &[(&str, &str)]) -> BTreeMap<String, String> {
        given.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect()
    }

    fn of_topic(given: &[(&str, &str)]) -> Result<Settings> {
        let servers =
            [("bootstrap.servers", "broker:9092"), ("linger.ms", "7"), ("compression.codec", "gzip")];
        Settings::new(pairs(&servers), TopicSettings::from([("words".to_owned(), pairs(given))]))
    }

    #[test]
    fn a_topic_has_settings_of_its_own() {
        let own = [("compression.type", "zstd"), ("create.cleanup.policy", "compact"), (COPIES, "3")];
        let settings = of_topic(&own).unwrap();
        assert_eq!(settings.topics_that_differ().collect::<Vec<_>>(), ["words"]);
        let (own, shared) = (settings.producer(Some("words")), settings.producer(None));
        assert_eq!((own.get("compression.type"), own.get("compression.codec")), (Some("zstd"), None));
        assert_eq!((own.get("linger.ms"), own.get("create.cleanup.policy")), (Some("7"), None));
        assert_eq!((shared.get("compression.type"), shared.get("compression.codec")), (None, Some("gzip")));
        assert_eq!(settings.made_with("words").collect::<Vec<_>>(), [("cleanup.policy", "compact")]);
        assert_eq!((settings.copies("words").unwrap(), settings.copies("other").unwrap()), (Some(3), None));
        assert_eq!(of_topic(&[("create.retention.ms", "5")]).unwrap().topics_that_differ().count(), 0);
    }

    #[test]
    fn what_one_topic_cannot_have_is_refused() {
        for (key, said) in [
            ("enable.idempotence", "has one value only"),
            ("fetch.min.bytes", "one consumer reads them"),
            ("compresion.type", "did you mean `compression.type`?"),
            ("security.protocol", "is not what one topic can have"),
            (COPIES, "is a number of brokers"),
        ] {
            let error = of_topic(&[(key, "canary")]).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            let error = error.to_string();
            assert!(error.contains(said) && error.contains(key) && error.contains("`words`"), "{error}");
            assert!(!error.contains("canary"), "{error}");
        }
    }

    #[test]
    fn refuses_what_breaks_a_promise() {
        for (key, value) in [
            ("enable.auto.commit", "true"),
            ("enable.auto.offset.store", "true"),
            ("enable.partition.eof", "false"),
            ("auto.offset.reset", "latest"),
            ("enable.idempotence", "false"),
            ("group.protocol", "consumer"),
            ("group.id", "mine"),
            ("transactional.id", "mine"),
        ] {
            let error = settings(&[(key, value)]).unwrap_err().to_string();
            assert!(error.contains(key), "{error}");
        }
        assert!(settings(&[("enable.auto.commit", "False")]).is_ok());
        assert!(
            Settings::new(BTreeMap::new(), TopicSettings::new())
                .unwrap_err()
                .to_string()
                .contains("bootstrap.servers")
        );
    }

    #[test]
    fn keeps_what_the_user_sets() {
        let settings = settings(&[("compression.codec", "gzip"), ("session.timeout.ms", "9000")]).unwrap();
        assert_eq!(settings.producer(None).get("compression.type"), None);
        assert_eq!(settings.producer(None).get("session.timeout.ms"), None);
        assert_eq!(settings.consumer(None).get("session.timeout.ms"), Some("9000"));
        assert_eq!(settings.consumer(Some("g")).get("enable.auto.commit"), Some("false"));
        assert_eq!(settings.consumer(Some("g")).get("compression.codec"), None);
    }

    #[test]
    fn a_record_waits_for_its_broker_unless_the_user_says_how_long() {
        assert_eq!(settings(&[]).unwrap().producer(None).get("message.timeout.ms"), Some("0"));
        let told = settings(&[("delivery.timeout.ms", "5000")]).unwrap().producer(None);
        assert_eq!((told.get("message.timeout.ms"), told.get("delivery.timeout.ms")), (None, Some("5000")));
    }

    #[test]
    fn an_address_that_is_none_is_refused() {
        let made = |servers: &str| {
            Settings::new([("bootstrap.servers".to_owned(), servers.to_owned())].into(), BTreeMap::new())
        };
        for right in ["broker", "a:1,b:2", " a:1, b:2", "a:1,", "[::1]:9092", "[::1]", "ssl://a:1"] {
            assert!(made(right).is_ok(), "{right}");
        }
        for wrong in ["a:port", "a:1,:2", "a:99999"] {
            assert!(made(wrong).unwrap_err().to_string().contains("host:port"), "{wrong}");
        }
    }

    /// All of librdkafka's settings that hold a secret, by its list; beside some that would blacken every line.
    #[test]
    fn knows_what_is_secret() {
        const SECRET: &str = "sasl.username sasl.password ssl.key.password ssl.key.pem ssl.certificate.pem \
            ssl.keystore.password sasl.oauthbearer.config sasl.oauthbearer.client.secret \
            sasl.oauthbearer.assertion.private.key.passphrase sasl.oauthbearer.assertion.private.key.pem";
        const PLAIN: &str = "client.id linger.ms ssl.key.location ssl.ca.location sasl.mechanism acks";
        let known = |key| settings(&[(key, "canary")]).unwrap().secrets();
        SECRET.split_whitespace().for_each(|key| assert_eq!(known(key), ["canary"], "{key}"));
        PLAIN.split_whitespace().for_each(|key| assert!(known(key).is_empty(), "{key}"));
    }

    #[test]
    fn never_shows_a_value() {
        const CANARY: &str = "canary-4711";
        for key in
            ["sasl.password", "ssl.key.pem", "ssl.key.password", "linger.ms", "no.such.setting", "acks"]
        {
            let settings = settings(&[(key, CANARY)]).unwrap();
            let shown = format!("{settings:?}");
            assert!(
                shown.contains("broker:9092") && shown.contains(key) && !shown.contains(CANARY),
                "{shown}"
            );
            let made = client::<_, rdkafka::producer::BaseProducer<_>>(
                &settings.producer(None),
                rdkafka::producer::DefaultProducerContext,
            );
            if let Err(error) = made {
                assert!(!format!("{error} {error:?}").contains(CANARY), "{error:?}");
            }
        }
    }
}
