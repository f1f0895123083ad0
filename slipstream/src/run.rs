//! `run()`, and what `#[slipstream::main]` puts around it.

use crate::app::App;
use crate::error::{BoxError, Error, Result};
use std::future::Future;
use std::io::IsTerminal as _;
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

/// What `#[slipstream::main]` makes of a program's main function: a runtime, a subscriber for what the library logs,
/// and exit codes: 0 when it ended well, 1 when it failed, 2 when the wiring cannot run.
pub fn main<F: Future<Output: Ended>>(program: F) -> ExitCode {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let ansi = std::io::stderr().is_terminal() && !no_color;
    let shown = tracing_subscriber::fmt().with_env_filter(filter()).with_ansi(ansi);
    // A subscriber that the program has set already stays.
    let _ = shown.with_writer(std::io::stderr).try_init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    let done = runtime.block_on(program);
    // A handler that blocks its thread for ever must not keep the process.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match done.ended() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
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
    let said = std::env::var("SLIPSTREAM_LOG").or_else(|_| std::env::var("RUST_LOG"));
    EnvFilter::new(said.unwrap_or_else(|_| "info".to_owned()))
}

#[allow(clippy::print_stderr)] // the last words of a program
fn failed(error: &Error) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::from(error.exit_code())
}
