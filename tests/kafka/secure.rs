//! TLS and passwords: what is set reaches the broker, what is wrong is said, and no secret is said by anybody.

use super::{add, app, expected, send, totals};
use slipstream::prelude::*;
use std::fmt::Write as _;
use std::sync::Mutex;
use tracing::field::{Field, Visit};

const USER: &str = "alice";
const PASSWORD: &str = "sesame-for-tests";

/// The app with an address that wants TLS and a password, and the certificate to trust.
fn secured(name: &str, mechanism: &str, password: &str) -> Option<(App, String)> {
    let (app, _) = app(name)?;
    let (Ok(servers), Ok(certificate)) =
        (std::env::var("SLIPSTREAM_TEST_KAFKA_TLS"), std::env::var("SLIPSTREAM_TEST_KAFKA_CERTIFICATE"))
    else {
        eprintln!("left out: SLIPSTREAM_TEST_KAFKA_TLS is not set");
        return None;
    };
    let config = Config::new()
        .set("kafka.bootstrap.servers", servers)
        .set("kafka.security.protocol", "SASL_SSL")
        .set("kafka.sasl.mechanism", mechanism)
        .set("kafka.sasl.username", USER)
        .set("kafka.sasl.password", password);
    Some((app.config(config), certificate))
}

const TRUSTED: &str = "kafka.ssl.ca.location";

async fn counts(name: &str, mechanism: &str) {
    let Some((app, certificate)) = secured(name, mechanism, PASSWORD) else { return };
    let app = app.config(Config::new().set(TRUSTED, certificate));
    let running = app.handler(send).handler(add).start().await.unwrap();
    running.wait().await.unwrap();
    assert_eq!(totals(&running), expected());
    running.assert_conserved();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_counts_over_tls_and_scram() {
    counts("scram", "SCRAM-SHA-256").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_counts_over_tls_and_plain() {
    counts("plain", "PLAIN").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_not_trusted_is_said() {
    let Some((app, _)) = secured("untrusted", "SCRAM-SHA-256", PASSWORD) else { return };
    let error = app.handler(add).start().await.err().unwrap();
    let text = format!("{error:?}");
    assert!(text.contains("certificate verify failed"), "{text}");
    assert!(!text.contains(PASSWORD), "{text}");
}

/// Stands in every setting that is a secret.
const CANARY: &str = "canary-4711-sings";

/// All that is logged, whatever its level.
static HEARD: Mutex<String> = Mutex::new(String::new());

struct Listener;

struct Words<'a>(&'a mut String);

impl Visit for Words<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        writeln!(self.0, "{field}: {value:?}").unwrap();
    }
}

impl tracing::Subscriber for Listener {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        span.record(&mut Words(&mut HEARD.lock().unwrap()));
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, values: &tracing::span::Record<'_>) {
        values.record(&mut Words(&mut HEARD.lock().unwrap()));
    }
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut Words(&mut HEARD.lock().unwrap()));
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

/// Settings that may stand together, each with its secret.
const SECRETS: [&str; 11] = [
    "kafka.sasl.username",
    "kafka.sasl.password",
    "kafka.ssl.key.password",
    "kafka.ssl.key.pem",
    "kafka.ssl.certificate.pem",
    "kafka.ssl.keystore.password",
    "kafka.sasl.oauthbearer.config",
    "kafka.sasl.oauthbearer.client.secret",
    "kafka.sasl.oauthbearer.client.credentials.client.secret",
    "kafka.sasl.oauthbearer.assertion.private.key.passphrase",
    "avro.registry.auth",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_said_by_anybody() {
    // Of the whole process: other threads than the test's log as well.
    tracing::subscriber::set_global_default(Listener).unwrap();
    let mut said = String::new();
    // A wrong password, which the broker refuses, while librdkafka tells all that it does.
    let Some((refused, certificate)) = secured("refused", "SCRAM-SHA-256", CANARY) else { return };
    let refused = refused.config(Config::new().set(TRUSTED, certificate).set("kafka.debug", "all"));
    let error = refused.handler(add).start().await.err().unwrap();
    let text = format!("{error} {error:?}");
    assert!(text.to_lowercase().contains("authentication"), "a wrong password must be said: {text}");
    said += &text;
    let told = SECRETS.map(async |secret| {
        let (app, _) = secured("secret", "PLAIN", PASSWORD)?;
        let config = Config::new()
            .set("kafka.bootstrap.servers", "127.0.0.1:1")
            .set("kafka.debug", "all")
            .set("avro.registry.url", format!("http://user:{CANARY}@127.0.0.1:1"))
            .set(secret, CANARY);
        let shown = format!("{config:?}");
        // Some of them librdkafka refuses at once; for the others there is no broker. (`App`, `Running` and `Topic` have no
        // `Debug`.)
        // It would be waited for.
        let started = tokio::time::timeout(secs(5), app.config(config).handler(add).start()).await;
        let failed = started.unwrap_or_else(|_| Err(slipstream::Error::msg("there is no broker"))).map(drop);
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| failed.unwrap()));
        Some(shown + panic.unwrap_err().downcast_ref::<String>()?)
    });
    for told in futures_util::future::join_all(told).await {
        said += &told.unwrap();
    }
    let heard = HEARD.lock().unwrap();
    assert!(heard.contains("SASL") && heard.len() > 10_000, "librdkafka has said nothing: {heard}");
    assert!(!heard.contains(CANARY), "logged: {}", around(&heard));
    assert!(!said.contains(CANARY), "said: {}", around(&said));
}

/// The line that has the secret.
fn around(text: &str) -> &str {
    text.lines().find(|line| line.contains(CANARY)).unwrap_or_default()
}
