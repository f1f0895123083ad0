//! One run of an example: start it, take its lines as they come, signal it, see it end.

use crate::{kafka, machine};
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long an example may take from a signal to its end.
const DRAINING: Duration = Duration::from_secs(15);

/// An example to be run, in surroundings of its own: no broker, no state of an earlier run.
pub(super) struct Example {
    command: Command,
    state: TempDir,
    /// Whether what it logs counts among its lines.
    logs: bool,
}

impl Example {
    pub(super) fn new(name: &str) -> Result<Self> {
        let state = tempfile::tempdir().context("no temporary folder for the state of an example")?;
        let mut command = Command::new(machine::target().join("debug/examples").join(name));
        command
            .current_dir(machine::root())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.env_remove(kafka::ADDRESS).env("SLIPSTREAM_STATE_DIR", state.path());
        Ok(Example { command, state, logs: false })
    }

    pub(super) fn arg(mut self, arg: &str) -> Self {
        self.command.arg(arg);
        self
    }

    pub(super) fn env(mut self, key: &str, value: &str) -> Self {
        self.command.env(key, value);
        self
    }

    /// Takes what it logs, at this level, among its lines.
    pub(super) fn logging(mut self, level: &str) -> Self {
        self.logs = true;
        self.env("SLIPSTREAM_LOG", level)
    }

    pub(super) fn start(mut self) -> Result<Live> {
        let program = self.command.get_program().to_owned();
        let mut child =
            self.command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (sender, incoming) = channel();
        let reader = BufReader::new(stdout.context("the output of the example is not piped")?);
        let logged = self.logs.then(|| sender.clone());
        // It ends when the example's output does, or nobody listens any more.
        spawn(move || reader.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let stderr = BufReader::new(stderr.context("the errors of the example are not piped")?);
        let errors = spawn(move || {
            let mut errors = String::new();
            // What came before an error of the pipe is all there is to show.
            for line in stderr.lines().map_while(Result::ok) {
                errors.push_str(&line);
                errors.push('\n');
                // Nobody listens any more: it is still to be read, so that the example can write.
                let _ = logged.as_ref().map(|logged| logged.send(line));
            }
            errors
        });
        Ok(Live { child, incoming, lines: Vec::new(), errors: Some(errors), _state: self.state })
    }

    /// Runs it to its own end.
    pub(super) fn run(self, within: Duration) -> Result<Ended> {
        self.start()?.end(within)
    }
}

/// An example that runs; dropped, it is killed.
pub(super) struct Live {
    child: Child,
    incoming: Receiver<String>,
    lines: Vec<String>,
    errors: Option<JoinHandle<String>>,
    _state: TempDir,
}

impl Live {
    /// Waits until it has printed `count` lines; fewer are no error here, but a difference for whoever compares.
    pub(super) fn wait_for_lines(&mut self, count: usize, within: Duration) {
        self.wait_until(|lines| lines.len() >= count, within);
    }

    /// Waits until what it has printed is enough, or it ends, or the time is over.
    pub(super) fn wait_until(&mut self, enough: impl Fn(&[String]) -> bool, within: Duration) {
        let deadline = Instant::now() + within;
        while !enough(&self.lines) {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.incoming.recv_timeout(left) else { return };
            self.lines.push(line);
        }
    }

    /// Ctrl-C's sibling: the example drains and ends well.
    pub(super) fn terminate(self) -> Result<Ended> {
        self.signal(Signal::TERM)?;
        self.end(DRAINING)
    }

    /// As a power cut would end it.
    pub(super) fn kill(self) -> Result<Ended> {
        self.signal(Signal::KILL)?;
        self.end(DRAINING)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        // The number cannot belong to another process: ours was not waited for yet.
        kill_process(Pid::from_child(&self.child), signal).context("cannot signal the example")
    }

    fn end(mut self, within: Duration) -> Result<Ended> {
        let deadline = Instant::now() + within;
        let status = loop {
            match self.child.try_wait().context("cannot wait for the example")? {
                Some(status) => break status,
                None if Instant::now() > deadline => {
                    self.wait_until(|_| false, Duration::ZERO);
                    let printed = self.lines.join("\n");
                    bail!("the example has not ended after {} s; it printed:\n{printed}", within.as_secs());
                }
                None => std::thread::sleep(Duration::from_millis(10)),
            }
        };
        self.wait_until(|_| false, DRAINING);
        let errors = self.errors.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        Ok(Ended { lines: std::mem::take(&mut self.lines), errors, code: status.code() })
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // Does nothing to one that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An example that has ended.
pub(super) struct Ended {
    pub(super) lines: Vec<String>,
    pub(super) errors: String,
    code: Option<i32>,
}

impl Ended {
    pub(super) fn with_code(&self, code: i32) -> Result<()> {
        if self.code == Some(code) {
            return Ok(());
        }
        let got = self.code.map_or_else(|| "by a signal".to_string(), |code| format!("with code {code}"));
        let (lines, errors) = (self.lines.join("\n"), &self.errors);
        bail!("it should end with code {code} and ended {got}\nstdout:\n{lines}\nstderr:\n{errors}")
    }
}
