//! What `start` leaves for `stop` and `status`: how the broker runs, and on which port.

use crate::machine;
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// A broker of ours; in the file a line of three words: how, which, port.
#[derive(Debug, PartialEq)]
pub(super) enum State {
    Java { pid: i32, port: u16 },
    Docker { container: String, port: u16 },
}

impl State {
    /// The broker that the file names, if it is still there.
    pub(super) fn running(dir: &Path) -> Option<State> {
        let text = fs::read_to_string(dir.join("state")).ok()?;
        State::parse(&text).filter(|state| state.alive() && machine::answers(&state.address()))
    }

    pub(super) fn save(&self, dir: &Path) -> Result<()> {
        let line = match self {
            State::Java { pid, port } => format!("java {pid} {port}\n"),
            State::Docker { container, port } => format!("docker {container} {port}\n"),
        };
        let path = dir.join("state");
        fs::write(&path, line).with_context(|| format!("cannot write {}", path.display()))
    }

    fn parse(text: &str) -> Option<State> {
        match text.split_whitespace().collect::<Vec<_>>()[..] {
            ["java", pid, port] => Some(State::Java { pid: pid.parse().ok()?, port: port.parse().ok()? }),
            ["docker", container, port] => {
                Some(State::Docker { container: container.into(), port: port.parse().ok()? })
            }
            _ => None,
        }
    }

    pub(super) fn port(&self) -> u16 {
        let (State::Java { port, .. } | State::Docker { port, .. }) = self;
        *port
    }

    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port())
    }

    /// Whether it runs. A process counts only if it still is Kafka: after a restart of the machine its number may
    /// belong to another. (`ps` shows one that ended, but was not waited for, without its arguments.)
    pub(super) fn alive(&self) -> bool {
        match self {
            State::Java { pid, .. } => {
                let shown = match fs::read(format!("/proc/{pid}/cmdline")) {
                    Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
                    Err(_) => {
                        machine::output(Command::new("ps").args(["-o", "command=", "-p", &pid.to_string()]))
                    }
                };
                shown.is_ok_and(|line| line.contains("kafka.Kafka"))
            }
            State::Docker { container, .. } => {
                let inspect = ["inspect", "--format", "{{.State.Running}}", container];
                machine::output(Command::new("docker").args(inspect)).is_ok_and(|out| out.trim() == "true")
            }
        }
    }

    /// Ends it at once: its data is thrown away, so there is nothing to shut down in order.
    pub(super) fn kill(&self) -> Result<()> {
        match self {
            State::Java { pid, .. } if self.alive() => {
                let pid =
                    Pid::from_raw(*pid).context("process number 0 in target/kafka/state: remove the file")?;
                kill_process(pid, Signal::KILL).with_context(|| format!("cannot kill process {pid:?}"))?;
            }
            State::Java { .. } => {}
            State::Docker { container, .. } => {
                machine::output(Command::new("docker").args(["rm", "--force", container]))?;
            }
        }
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.alive() {
            if Instant::now() > deadline {
                bail!("kafka is still there 10 s after it was killed: {self:?}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_read_again() -> Result<()> {
        let dir = tempfile::tempdir()?;
        for state in
            [State::Java { pid: 5, port: 9092 }, State::Docker { container: "kafka".into(), port: 9092 }]
        {
            state.save(dir.path())?;
            let text = fs::read_to_string(dir.path().join("state"))?;
            assert_eq!(State::parse(&text), Some(state));
        }
        Ok(())
    }

    #[test]
    fn a_process_of_the_same_number_that_is_not_kafka_is_not_ours() {
        let state = State::Java { pid: i32::try_from(std::process::id()).unwrap_or(1), port: 1 };
        assert!(!state.alive());
    }
}
