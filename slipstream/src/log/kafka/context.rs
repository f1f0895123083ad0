//! What librdkafka says by itself: log lines and errors, to `tracing`, without secrets.

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Within this time the same words are one error.
const ECHO: Duration = Duration::from_millis(100);

/// What the contexts of all clients share.
#[derive(Clone, Default)]
pub(super) struct Voice(Arc<Inner>);

#[derive(Default)]
struct Inner {
    secrets: Vec<String>,
    /// The last error by its text, for errors that come without one.
    last: Mutex<(String, Option<Instant>)>,
    /// No broker is reached at the moment, as far as is known.
    down: AtomicBool,
    /// A broker does not take what we say of ourselves: to wait will not help.
    refused: AtomicBool,
}

impl Voice {
    /// One that leaves these words out of whatever is said.
    pub(super) fn new(secrets: Vec<String>) -> Self {
        Voice(Arc::new(Inner { secrets, ..Inner::default() }))
    }

    /// One with a memory of its own.
    pub(super) fn another(&self) -> Self {
        Voice::new(self.0.secrets.clone())
    }

    /// The text of the last error.
    pub(super) fn last(&self) -> String {
        self.0.last.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    pub(super) fn down(&self) -> bool {
        self.0.down.load(Ordering::Relaxed)
    }

    pub(super) fn refused(&self) -> bool {
        self.0.refused.load(Ordering::Relaxed)
    }

    /// Something came from a broker.
    pub(super) fn up(&self) {
        if self.down() {
            self.0.down.store(false, Ordering::Relaxed);
            tracing::info!(target: super::TARGET, "a broker is reached again");
        }
    }

    /// Keeps an error's text; true if it was the last one too: rdkafka tells a producer's errors twice.
    fn is_echo(&self, reason: &str) -> bool {
        let mut last = self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let echo = last.0 == reason && last.1.is_some_and(|at| now.duration_since(at) < ECHO);
        *last = (reason.to_owned(), Some(now));
        echo
    }

    fn clean(&self, text: &str) -> String {
        self.0.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }
}

impl ClientContext for Voice {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        let text = self.clean(text);
        if facility == "FAIL" {
            // Why a connection failed; of a refused password no event tells it in time.
            let reason = text.split_once("]: ").map_or(&*text, |(_, reason)| reason);
            self.is_echo(reason);
            let reason = reason.to_lowercase();
            if reason.contains("sasl authentication error") || reason.contains("certificate verify failed") {
                self.0.refused.store(true, Ordering::Relaxed);
            }
        }
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::error!(target: super::TARGET, facility, "{text}");
            }
            // It calls each lost connection an error, and goes on by itself.
            RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => {
                tracing::warn!(target: super::TARGET, facility, "{text}");
            }
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
                tracing::info!(target: super::TARGET, facility, "{text}");
            }
            RDKafkaLogLevel::Debug => tracing::debug!(target: super::TARGET, facility, "{text}"),
        }
    }

    /// Statistics are collected only if the user asks librdkafka for them, and then are for the log.
    fn stats_raw(&self, statistics: &[u8]) {
        tracing::debug!(target: super::TARGET, "{}", String::from_utf8_lossy(statistics));
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let reason = self.clean(reason);
        let code = error.rdkafka_error_code();
        if code == Some(RDKafkaErrorCode::AllBrokersDown) {
            // Why it is so was said just before, and is worth more.
            if !self.0.down.swap(true, Ordering::Relaxed) {
                tracing::warn!(target: super::TARGET, "{reason}");
            }
            return;
        }
        if matches!(
            code,
            Some(
                RDKafkaErrorCode::Authentication
                    | RDKafkaErrorCode::SaslAuthenticationFailed
                    | RDKafkaErrorCode::SSL
            )
        ) {
            self.0.refused.store(true, Ordering::Relaxed);
        }
        if self.is_echo(&reason) {
            return;
        }
        match code {
            // An end is no error, and comes often.
            Some(RDKafkaErrorCode::PartitionEOF) => {}
            // The log line that comes with it says the same.
            _ => tracing::debug!(target: super::TARGET, "{error}: {reason}"),
        }
    }
}

impl ConsumerContext for Voice {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_secrets_out() {
        let voice = Voice::new(vec!["canary".into()]);
        voice.error(KafkaError::Canceled, "sasl.password=canary refused");
        assert_eq!(voice.last(), "sasl.password=*** refused");
    }
}
