//! The verdict over a message that failed for good: stop, skip, or a dead letter.

use super::letter::RawLetter;
use crate::error::{Error, ErrorKind, Result};
use crate::log::Outgoing;
use crate::policy::Verdict;
use crate::pulled::Fault;
use crate::step::{Ended, Interrupt, Stage, Step};
use bytes::Bytes;

/// The longest error text that goes into a header, in characters.
const CLIP: usize = 1024;

impl Step {
    /// A message that could not be made: there is nothing to call again, so only the verdict counts.
    pub(super) async fn refuse(self, fault: Fault) -> Result<()> {
        if self.is_superseded() {
            self.superseded(1);
            return Ok(());
        }
        let (error, raw) = fault.into_parts();
        let letter = raw.map(|raw| RawLetter { key: raw.key, value: raw.value, headers: raw.headers });
        match error.kind() {
            // No policy passes over a log or a store that cannot go on.
            ErrorKind::Log => Err(self.stopped(Stage::Decode, error)),
            kind if kind.is_of_store() => Err(self.stopped(Stage::Decode, error)),
            _ => match self.verdict(Stage::Decode, error, letter, 1).await {
                Err(Interrupt::Stop(error)) => Err(error),
                // There was no call that has read anything.
                Ok(()) | Err(_) => Ok(()),
            },
        }
    }

    /// Applies the policy; what it says is committed with the message's position, and with what the call has noted.
    ///
    /// # Errors
    /// If the policy says stop, and where the call is to be made again, since what it has read does not stand any more.
    pub(super) async fn verdict(
        &self,
        stage: Stage,
        error: Error,
        letter: Option<RawLetter>,
        count: u32,
    ) -> Result<(), Interrupt> {
        let stopped = |error| Interrupt::Stop(self.stopped(stage, error));
        let notes = self.gathered().take_notes();
        self.undo();
        let ended = match self.about().policy.verdict {
            Verdict::Stop => return Err(stopped(error)),
            Verdict::Skip => Ended::Skipped,
            Verdict::Dead(topic) => {
                self.bury(topic.named().name, stage, &error, letter.unwrap_or_default()).map_err(stopped)?;
                Ended::Dead
            }
        };
        for note in notes {
            note.await.map_err(stopped)?;
        }
        let origin = self.origin();
        match self.end(ended, count).await {
            Err(Interrupt::Superseded) => {
                self.superseded(count);
                return Ok(());
            }
            other => other?,
        }
        tracing::warn!(
            handler = %self.about().name, %origin, stage = %self.named(stage), %error, verdict = ?ended,
            "message failed"
        );
        Ok(())
    }

    /// Sends the message to the dead-letter topic, with what is known of it in headers.
    fn bury(&self, topic: &'static str, stage: Stage, error: &Error, letter: RawLetter) -> Result<()> {
        let RawLetter { key, value, mut headers } = letter;
        let mut note = |name: &str, text: String| headers.push((name.to_owned(), Some(Bytes::from(text))));
        note("slipstream-error", error.to_string().chars().take(CLIP).collect());
        note("slipstream-stage", self.named(stage));
        note("slipstream-origin", self.origin());
        note("slipstream-handler", self.about().name.clone());
        let topic = self.app().topic_name(topic);
        let record = Outgoing { topic, partition: None, key, value, headers, timestamp: None };
        record.check_size(&**self.app().log()?)?;
        self.stage_letter(record);
        Ok(())
    }

    pub(super) fn stopped(&self, stage: Stage, error: Error) -> Error {
        let (handler, origin) = (&self.about().name, self.origin());
        let text = match (stage, error.kind()) {
            // Which message it was is not known: a source may have panicked over the one after the last.
            (Stage::Pipe, _) => format!(
                "`{handler}` stopped in its source or pipe, at or after {origin}: {error}; no policy passes over that: \
                 mend it and start again"
            ),
            (_, ErrorKind::Misuse | ErrorKind::Log | ErrorKind::Store) => format!(
                "`{handler}` stopped at {origin} ({}): {error}; no policy passes over that",
                self.named(stage)
            ),
            _ => format!(
                "`{handler}` stopped at {origin} ({}): {error}; mend it and start again, or pass over such messages by \
                 `on_error = skip`",
                self.named(stage)
            ),
        };
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
