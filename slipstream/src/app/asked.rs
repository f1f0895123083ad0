//! What the process was asked instead of running: then the first app that starts is looked at, and does not run.
//!
//! It is asked by `#[slipstream::main]`, so that apps in libraries and in tests are not. What comes to be asked as well,
//! as for a look into caches, gets its kind of question here, and its answer in a file beside.

use super::check::check;
use super::lanes::Plan;
use super::plan::{Format, picture};
use super::{App, Running, preflight};
use crate::error::Result;
use std::sync::OnceLock;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// How the handlers are wired.
    Plan(Format),
    /// Whether they could run.
    Check,
}

type Answer = Result<String>;

static ASKED: OnceLock<(Question, UnboundedSender<Answer>)> = OnceLock::new();

/// Asks this of the process's apps. The answer is a text for the standard output.
pub(crate) fn ask(question: Question) -> UnboundedReceiver<Answer> {
    let (answer, answers) = unbounded_channel();
    // There is one `main`, so that it was not set.
    let _ = ASKED.set((question, answer));
    answers
}

/// What was asked.
pub(super) fn question() -> Option<Question> {
    ASKED.get().map(|(question, _)| *question)
}

/// Answers, and never comes back: whoever has asked ends the process.
pub(super) async fn answer(question: Question, app: App, plan: Plan) -> Result<Running> {
    let answer = match question {
        Question::Plan(format) => {
            // What the app was given does not matter to it, only what would make the picture wrong.
            let mut problems = preflight::wiring(&app, &plan);
            problems.extend(app.config.problems());
            preflight::report(&problems).map(|()| picture(&app, &plan).drawn(format))
        }
        Question::Check => check(app, plan).await,
    };
    if let Some((_, answers)) = ASKED.get() {
        // Who has asked may have been told to stop meanwhile.
        let _ = answers.send(answer);
    }
    std::future::pending().await
}
