//! The verdict over a message that failed for good: stop, skip, or a dead letter.

use super::letter::RawLetter;
use crate::error::{Error, ErrorKind, Result};
use crate::log::Outgoing;
use crate::policy::Verdict;
use crate::pulled::Fault;
use crate::step::{Ended, Stage, Step};
use bytes::Bytes;

/// The longest error text that goes into a header, in characters.
const CLIP: usize = 1024;

impl Step {
    /// A message that could not be made: there is nothing to call again, so only the verdict counts.
    pub(super) async fn refuse(self, fault: Fault) -> Result<()> {
        let (error, raw) = fault.into_parts();
        let letter = raw.map(|raw| RawLetter { key: raw.key, value: raw.value, headers: raw.headers });
        match error.kind() {
            // No policy passes over a log or a store that cannot go on.
            ErrorKind::Log | ErrorKind::Store => Err(self.stopped(Stage::Decode, error)),
            _ => self.verdict(Stage::Decode, error, letter, 1).await,
        }
    }

    /// Applies the policy; what it says is committed with the message's position.
    pub(super) async fn verdict(
        &self,
        stage: Stage,
        error: Error,
        letter: Option<RawLetter>,
        count: u32,
    ) -> Result<()> {
        let ended = match self.about().policy.verdict {
            Verdict::Stop => return Err(self.stopped(stage, error)),
            Verdict::Skip => Ended::Skipped,
            Verdict::Dead(topic) => {
                self.bury(topic.named().name, stage, &error, letter.unwrap_or_default());
                Ended::Dead
            }
        };
        tracing::warn!(
            handler = %self.about().name, origin = %self.origin(), stage = %self.named(stage), %error,
            verdict = ?ended, "message failed"
        );
        self.end(ended, count).await.map(drop)
    }

    /// Sends the message to the dead-letter topic, with what is known of it in headers.
    fn bury(&self, topic: &'static str, stage: Stage, error: &Error, letter: RawLetter) {
        let RawLetter { key, value, mut headers } = letter;
        let mut note = |name: &str, text: String| headers.push((name.to_owned(), Some(Bytes::from(text))));
        note("slipstream-error", error.to_string().chars().take(CLIP).collect());
        note("slipstream-stage", self.named(stage));
        note("slipstream-origin", self.origin());
        note("slipstream-handler", self.about().name.clone());
        let topic = self.app().topic_name(topic);
        self.stage_letter(Outgoing { topic, partition: None, key, value, headers, timestamp: None });
    }

    pub(super) fn stopped(&self, stage: Stage, error: Error) -> Error {
        let (handler, origin, stage) = (&self.about().name, self.origin(), self.named(stage));
        let text = format!(
            "`{handler}` stopped at {origin} ({stage}): {error}; mend it and start again, or pass over such messages \
             by `on_error = skip`"
        );
        Error::caused(ErrorKind::Stopped, text, error)
    }

    fn named(&self, stage: Stage) -> String {
        match stage {
            Stage::Decode => "source".to_owned(),
            Stage::Pipe => "pipe".to_owned(),
            Stage::Handle => "handler".to_owned(),
            Stage::Sink(sink) => format!("sink {}", self.about().sinks[sink]),
        }
    }
}
