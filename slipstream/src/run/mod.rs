//! `run()`, and what `#[slipstream::main]` puts around it.

mod command;

use crate::app::{self, App};
use crate::config::{self, Config};
use crate::error::{BoxError, Error, ErrorKind, Result};
use command::Wanted;
use std::future::Future;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// Runs all handlers that are linked into this binary, until their sources have ended or the process is told to stop.
///
/// Sugar for `App::collected().run()`.
///
/// ```standalone_crate
/// use slipstream::prelude::*;
///
/// #[handle(source = ["one", "two"], sink = [print])]
/// fn show(word: &'static str) -> &'static str {
///     word
/// }
///
/// #[slipstream::main]
/// async fn main() -> slipstream::Result<()> {
///     slipstream::run().await
/// }
/// ```
///
/// # Errors
/// All problems of the wiring in one; or what stopped the app.
///
/// # Cancel safety
/// Dropping the future aborts the app: what was committed stays.
pub async fn run() -> Result<()> {
    App::collected().run().await
}

/// What `#[slipstream::main]` makes of a program's main function: its command line, a runtime, a subscriber for what the
/// library logs, and exit codes: 0 when it ended well, 1 when it failed, 2 when the wiring cannot run.
pub fn main<F: Future<Output: Ended>>(program: F) -> ExitCode {
    launch(false, |_| program)
}

/// The same for a main function that takes the words of the command line that are not ours.
pub fn main_with_words<F: Future<Output: Ended>>(program: impl FnOnce(Vec<String>) -> F) -> ExitCode {
    launch(true, program)
}

fn launch<F: Future<Output: Ended>>(takes_words: bool, program: impl FnOnce(Vec<String>) -> F) -> ExitCode {
    let mut arguments = std::env::args_os();
    let name = arguments.next().map(PathBuf::from);
    let line = match command::parse(arguments, takes_words) {
        Ok(line) => line,
        Err(text) => return failed(&Error::new(ErrorKind::Preflight, text)),
    };
    let mut answers = match line.wanted {
        Wanted::Help => {
            let name = name.as_ref().and_then(|name| name.file_name()).unwrap_or("PROGRAM".as_ref());
            return show(&command::help(&name.to_string_lossy(), takes_words));
        }
        Wanted::Answer(question) => Some(app::ask(question)),
        Wanted::Run => None,
    };
    config::give(line.given);
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let ansi = std::io::stderr().is_terminal() && !no_color;
    let shown = tracing_subscriber::fmt().with_env_filter(filter()).with_ansi(ansi);
    // A subscriber that the program has set already stays.
    let _ = shown.with_writer(std::io::stderr).try_init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    let answer = async {
        match &mut answers {
            Some(answers) => answers.recv().await,
            None => std::future::pending().await,
        }
    };
    let done = runtime.block_on(async {
        tokio::select! {
            // The program waits where it was to start its app, and is dropped there.
            Some(answer) = answer => answer.map(Some),
            done = program(line.words) => done.ended().map(|()| None),
        }
    });
    // A handler that blocks its thread for ever must not keep the process.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match done {
        Ok(None) if answers.is_some() => {
            let text = "the program has started no app, so that there is nothing to look at";
            failed(&Error::new(ErrorKind::Preflight, text))
        }
        Ok(answer) => show(&answer.unwrap_or_default()),
        Err(error) => failed(&error),
    }
}

/// Writes an answer to the standard output.
fn show(text: &str) -> ExitCode {
    let mut out = std::io::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Who does not read on has read enough.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => failed(&error.into()),
        _ => ExitCode::SUCCESS,
    }
}

/// How a program may end.
#[diagnostic::on_unimplemented(
    message = "a program ends well or fails: `main` returns `slipstream::Result<()>`",
    label = "`main` returns `{Self}`",
    note = "or a `Result<(), E>` whose `E` is a standard error"
)]
pub trait Ended {
    /// As one of our results.
    ///
    /// # Errors
    /// The program's own.
    fn ended(self) -> Result<()>;
}

#[diagnostic::do_not_recommend]
impl<E: Into<BoxError>> Ended for Result<(), E> {
    fn ended(self) -> Result<()> {
        self.map_err(Error::boxed)
    }
}

fn filter() -> EnvFilter {
    let said = Config::of_process().get("log").map(str::to_owned);
    EnvFilter::new(said.or_else(|| std::env::var("RUST_LOG").ok()).unwrap_or_else(|| "info".to_owned()))
}

/// The last words of a program, whether or not somebody hears them.
fn failed(error: &Error) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "error: {error}");
    ExitCode::from(error.exit_code())
}
