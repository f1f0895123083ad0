//! A lane: one source with its handlers, in order, in one task. The macro writes the loop; its parts are here.
//!
//! The way of a message is `next`, then the handler's call and its sinks within `attempt`, then `settle`.

mod breath;
mod concurrent;
mod message;
mod pump;

pub use concurrent::Work;
pub(crate) use concurrent::{Crew, dispatch};
pub use message::{Copier, Copies, Look, Message, kept};
pub(crate) use pump::{Consumer, Forward, Inline, Lend, Pump};

use crate::error::{Error, ErrorKind, Result};
use crate::flow::Flow;
use crate::gate::Gate;
use crate::log::Outgoing;
use crate::policy::Verdict;
use crate::pulled::{Fault, Traced};
use crate::step::{Ended, Interrupt, Stage, Step};
use breath::Breath;
use futures_core::Stream;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;

/// What a handler's call came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It ended well.
    Done,
    /// It returned `None`.
    Filtered,
}

/// A handler's place in its lane: takes messages, makes calls, and settles what comes of them.
pub struct Lane {
    step: Step,
    /// The source's gate, where this lane reads the source itself or from a queue.
    gate: Option<Arc<Gate>>,
    breath: Breath,
    /// How many messages of the source the one in hand stands for.
    count: u32,
    attempts: u32,
    again: bool,
    /// Whether it reads from a queue, which is emptied before the lane ends.
    queued: bool,
}

enum Next<T> {
    Traced(T),
    Ended,
    Fault(Fault),
    Drained,
}

impl Lane {
    pub(crate) fn new(step: Step, gate: Option<Arc<Gate>>, queued: bool) -> Self {
        Lane { step, gate, breath: Breath::new(), count: 0, attempts: 0, again: false, queued }
    }

    /// The next message that comes out of the pipe; `None` when the source has ended or the app drains.
    ///
    /// # Errors
    /// If the policy says stop for a message that could not be decoded.
    pub async fn next<S, T, D>(&mut self, flow: &mut Flow<S>) -> Result<Option<Message<T, D>>>
    where
        S: Stream<Item = Traced<T, D>> + Unpin,
    {
        Ok(self.next_traced(flow).await?.map(Message::new))
    }

    /// The same, with its trace.
    pub(crate) async fn next_traced<S, T, D>(&mut self, flow: &mut Flow<S>) -> Result<Option<Traced<T, D>>>
    where
        S: Stream<Item = Traced<T, D>> + Unpin,
    {
        if self.breath.is_out() {
            tokio::task::yield_now().await;
            self.breath.begin();
        }
        self.step.at_pipe();
        if self.step.about().stateful {
            self.room().await?;
        }
        loop {
            match poll_fn(|cx| self.poll_next(flow, cx)).await {
                Next::Traced(traced) => {
                    self.count = traced.count;
                    self.step.in_hand(traced.count);
                    self.attempts = 0;
                    self.again = true;
                    return Ok(Some(traced));
                }
                Next::Fault(fault) => self.refuse(fault).await?,
                Next::Ended | Next::Drained => return Ok(None),
            }
        }
    }

    fn poll_next<S, T, D>(&self, flow: &mut Flow<S>, cx: &mut std::task::Context<'_>) -> Poll<Next<Traced<T, D>>>
    where
        S: Stream<Item = Traced<T, D>> + Unpin,
    {
        match flow.poll_traced(cx) {
            Poll::Ready(Some(traced)) => return Poll::Ready(Next::Traced(traced)),
            Poll::Ready(None) => return Poll::Ready(Next::Ended),
            Poll::Pending => {}
        }
        if let Some(fault) = self.step.take_fault() {
            return Poll::Ready(Next::Fault(fault));
        }
        if let Some(gate) = &self.gate {
            gate.watch(cx);
            if gate.is_draining() && (self.step.is_drained() || !self.queued) {
                return Poll::Ready(Next::Drained);
            }
        }
        Poll::Pending
    }

    /// Waits until what this lane writes and sends has room.
    async fn room(&self) -> Result<()> {
        let app = self.step.app();
        app.state.room().await;
        if let Some(log) = app.log.get() {
            while log.in_flight() > log.room() {
                // Acknowledgements come from the client's thread, many at once; a millisecond of them is plenty.
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
        }
        Ok(())
    }

    /// Whether the message in hand is to be handled: once, and again after a conflict or by policy.
    pub fn again(&mut self) -> bool {
        std::mem::take(&mut self.again)
    }

    /// Makes the call; a panic and running out of time are errors like any other.
    ///
    /// # Errors
    /// What the call failed with.
    pub async fn attempt(&mut self, call: impl Future<Output = Result<Sent, Interrupt>>) -> Result<Sent, Interrupt> {
        let mut call = std::pin::pin!(call);
        let step = &self.step;
        step.at_handler();
        let guarded = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(cx))) {
            Ok(polled) => polled,
            Err(panic) => Poll::Ready(Err(Interrupt::panicked(&*panic))),
        });
        let Some(limit) = step.about().timeout else { return guarded.await };
        let clock = step.app().clock.clone();
        tokio::select! {
            biased;
            done = guarded => done,
            () = clock.sleep(limit) => {
                let text = format!("took longer than its timeout of {limit:?}");
                Err(Interrupt::Failed(Error::new(ErrorKind::TimedOut, text)))
            }
        }
    }

    /// Ends the step, or runs it again, or applies the policy.
    ///
    /// # Errors
    /// If the policy says stop, or the step could not be ended.
    pub async fn settle<T, D>(&mut self, done: Result<Sent, Interrupt>, message: &Message<T, D>) -> Result<()> {
        self.settle_with(done, message, |_| None).await
    }

    /// Like [`Lane::settle`], for a policy that ends in a dead-letter topic.
    ///
    /// # Errors
    /// As `settle`.
    pub async fn settle_or_bury<T: Letter, D>(
        &mut self,
        done: Result<Sent, Interrupt>,
        message: &Message<T, D>,
    ) -> Result<()> {
        self.settle_with(done, message, |message| message.kept().and_then(Letter::letter)).await
    }

    async fn settle_with<T, D>(
        &mut self,
        done: Result<Sent, Interrupt>,
        message: &Message<T, D>,
        letter: impl FnOnce(&Message<T, D>) -> Option<RawLetter>,
    ) -> Result<()> {
        let error = match done {
            Ok(sent) => {
                let ended = if sent == Sent::Filtered { Ended::Filtered } else { Ended::Done };
                if !self.step.end(ended, self.count).await? {
                    self.conflict();
                }
                return Ok(());
            }
            Err(Interrupt::Stale) => {
                self.conflict();
                return Ok(());
            }
            Err(Interrupt::Failed(error)) => error,
        };
        if error.kind() != ErrorKind::Misuse && !self.step.still_stands() {
            self.conflict();
            return Ok(());
        }
        let stage = self.step.stage();
        self.step.abandon();
        let policy = self.step.about().policy;
        // A failing sink has been called again alone already.
        let repeats = !matches!(stage, Stage::Sink(_)) && message.can_repeat();
        if let Some(retry) = policy.retry.filter(|retry| repeats && self.attempts < retry.times) {
            let wait = retry.backoff.wait(self.attempts);
            self.attempts += 1;
            self.step.counts().retries.add(1);
            self.step.app().clock.sleep(wait).await;
            self.again = true;
            return Ok(());
        }
        self.verdict(stage, error, letter(message)).await
    }

    /// A message that could not be made: there is nothing to call again, so only the verdict counts.
    async fn refuse(&mut self, fault: Fault) -> Result<()> {
        self.count = 1;
        self.step.in_hand(1);
        let letter = fault.raw.map(|raw| RawLetter { key: raw.key, value: raw.value, headers: raw.headers });
        self.verdict(Stage::Decode, fault.error, letter).await
    }

    async fn verdict(&mut self, stage: Stage, error: Error, letter: Option<RawLetter>) -> Result<()> {
        let ended = match self.step.about().policy.verdict {
            Verdict::Stop => return Err(self.stopped(stage, error)),
            Verdict::Skip => Ended::Skipped,
            Verdict::Dead(topic) => {
                self.bury(topic, stage, &error, letter);
                Ended::Dead
            }
        };
        tracing::warn!(
            handler = %self.step.about().name, origin = %self.step.origin(), stage = %self.named(stage), error = %error,
            verdict = ?ended, "message failed"
        );
        self.step.end(ended, self.count).await?;
        Ok(())
    }

    /// Sends the message to the dead-letter topic, with what is known of it in headers.
    fn bury(&self, topic: &'static str, stage: Stage, error: &Error, letter: Option<RawLetter>) {
        let letter = letter.unwrap_or_default();
        let mut headers = letter.headers;
        let text = |text: String| Some(bytes::Bytes::from(text));
        headers.push(("slipstream-error".into(), text(clipped(&error.to_string()))));
        headers.push(("slipstream-stage".into(), text(self.named(stage))));
        headers.push(("slipstream-origin".into(), text(self.step.origin())));
        headers.push(("slipstream-handler".into(), text(self.step.about().name.clone())));
        let topic = crate::topic::name_in(self.step.app(), topic);
        let record =
            Outgoing { topic, partition: None, key: letter.key, value: letter.value, headers, timestamp: None };
        self.step.stage_letter(record);
    }

    fn conflict(&mut self) {
        self.step.counts().conflicts.add(1);
        self.again = true;
    }

    fn stopped(&self, stage: Stage, error: Error) -> Error {
        let text = format!(
            "`{}` stopped at {} ({}): {error}; mend it and start again, or pass over such messages by \
             `on_error = skip`",
            self.step.about().name,
            self.step.origin(),
            self.named(stage),
        );
        Error::caused(ErrorKind::Stopped, text, error)
    }

    fn named(&self, stage: Stage) -> String {
        match stage {
            Stage::Decode => "source".to_owned(),
            Stage::Pipe => "pipe".to_owned(),
            Stage::Handle => "handler".to_owned(),
            Stage::Sink(sink) => format!("sink {}", self.step.about().sinks[sink]),
        }
    }
}

/// The longest error text that goes into a header.
const CLIP: usize = 1024;

fn clipped(text: &str) -> String {
    text.chars().take(CLIP).collect()
}

/// What a dead-letter topic is sent of a message.
#[derive(Default)]
pub struct RawLetter {
    pub(crate) key: Option<bytes::Bytes>,
    pub(crate) value: Option<bytes::Bytes>,
    pub(crate) headers: crate::log::RawHeaders,
}

/// A message that can be sent to a dead-letter topic: a record as it came, anything else as JSON.
#[diagnostic::on_unimplemented(
    message = "a message for a dead-letter topic must be written as JSON",
    label = "`{Self}` has no `Serialize`"
)]
pub trait Letter {
    /// The message's bytes; `None` if it cannot be written.
    fn letter(&self) -> Option<RawLetter>;
}

#[diagnostic::do_not_recommend]
impl<T: serde::Serialize> Letter for T {
    fn letter(&self) -> Option<RawLetter> {
        let value = serde_json::to_vec(self).ok()?;
        Some(RawLetter { value: Some(value.into()), ..RawLetter::default() })
    }
}
