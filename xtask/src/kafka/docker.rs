//! A broker in a container, where a docker engine runs.

use super::settings::{Place, settings};
use super::state::State;
use super::{VERSION, wait};
use crate::machine;
use anyhow::Result;
use std::path::Path;
use std::process::Command;

/// Whether there is an engine behind the command: often only the client is installed.
pub(super) fn runs() -> bool {
    machine::found("docker") && machine::output(Command::new("docker").arg("info")).is_ok()
}

pub(super) fn start(dir: &Path) -> Result<State> {
    let [port] = machine::free_ports()?;
    let place = Place { listen: "0.0.0.0", port, controller: 9093, secure: None, data: "/tmp/kafka-data" };
    let container = format!("slipstream-kafka-{port}");
    let mut docker = Command::new("docker");
    docker.args(["run", "--detach", "--name", &container, "--publish", &format!("127.0.0.1:{port}:{port}")]);
    for (key, value) in settings(&place) {
        docker.args(["--env", &format!("{}={value}", variable(key))]);
    }
    machine::output(docker.arg(format!("apache/kafka:{VERSION}")))?;
    let state = State::Docker { container: container.clone(), port };
    state.save(dir)?;
    let log = || machine::output(Command::new("docker").args(["logs", &container])).unwrap_or_default();
    wait(&state, || !state.alive(), log)?;
    Ok(state)
}

/// The image takes `a.b` as `KAFKA_A_B`.
fn variable(key: &str) -> String {
    format!("KAFKA_{}", key.replace('.', "_").to_uppercase())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_setting_becomes_a_variable() {
        assert_eq!(super::variable("process.roles"), "KAFKA_PROCESS_ROLES");
    }
}
