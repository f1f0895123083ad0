//! `kafka start|stop|status`: one real broker on this machine, for tests and recipes.
//!
//! Tried in this order: an address given in the environment; docker, where an engine runs; Java, with the jars
//! from Maven Central. What was started outlives the command; `target/kafka/state` says what it is.

mod docker;
mod java;
mod secure;
mod settings;
mod state;

use crate::machine;
use anyhow::{Context, Result, bail};
pub(crate) use java::Own;
use state::State;
use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Names a broker to use instead of starting one; the same variable configures an app.
pub(crate) const ADDRESS: &str = "SLIPSTREAM_KAFKA_BOOTSTRAP_SERVERS";
/// The newest release that Maven Central and docker both have.
const VERSION: &str = "4.3.1";
/// What a broker logs when it is ready; it accepts connections a little earlier.
const READY: &str = "Kafka Server started";
const PATIENCE: Duration = Duration::from_secs(60);

/// A broker that answers.
pub(crate) struct Broker {
    pub(crate) address: String,
    /// Whether this call started it, so that the caller should stop it.
    pub(crate) started: bool,
}

/// Gives the broker that is there, or starts one.
pub(crate) fn start() -> Result<Broker> {
    if let Some(given) = given()? {
        return Ok(given);
    }
    let dir = dir();
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    // Two that start at the same moment get the same broker.
    let lock = File::create(dir.join("lock")).context("cannot make target/kafka/lock")?;
    lock.lock().context("cannot lock target/kafka/lock")?;
    if let Some(state) = State::running(&dir) {
        return Ok(Broker { address: state.address(), started: false });
    }
    clean()?;
    let begun = Instant::now();
    let state = if docker::runs() { docker::start(&dir)? } else { java::start(&dir)? };
    eprintln!("kafka {VERSION} answers after {:.1} s", begun.elapsed().as_secs_f32());
    Ok(Broker { address: state.address(), started: true })
}

/// A broker that comes and goes as the caller tells it. It needs Java: a container cannot be treated so.
pub(crate) fn own() -> Result<Own> {
    fs::create_dir_all(dir())?;
    Own::new(&dir())
}

/// The broker that is there already, if any.
pub(crate) fn running() -> Result<Option<Broker>> {
    let started = || State::running(&dir()).map(|state| Broker { address: state.address(), started: false });
    Ok(given()?.or_else(started))
}

/// Of our broker: the address that wants TLS and passwords, and the certificate to trust.
pub(crate) fn secure() -> Option<(String, String)> {
    let state = State::running(&dir())?;
    secure::told(&dir().join(format!("data-{}", state.port())))
}

/// Ends what `start` started; never a broker that was given.
pub(crate) fn stop() -> Result<()> {
    match State::running(&dir()) {
        Some(state) => {
            state.kill()?;
            eprintln!("kafka at {} stopped", state.address());
        }
        None => eprintln!("no kafka of ours is running"),
    }
    clean()
}

pub(crate) fn print_started() -> Result<bool> {
    println!("{}", start()?.address);
    Ok(true)
}

pub(crate) fn print_status() -> Result<bool> {
    let running = running()?;
    match &running {
        Some(broker) => println!("{}", broker.address),
        None => println!("none: `cargo xtask kafka start` starts one"),
    }
    Ok(running.is_some())
}

/// Whether the broker is not ours.
pub(crate) fn is_given() -> bool {
    std::env::var_os(ADDRESS).is_some()
}

fn given() -> Result<Option<Broker>> {
    let Ok(address) = std::env::var(ADDRESS) else { return Ok(None) };
    if !address.split(',').any(|one| machine::answers(one.trim())) {
        bail!("no broker answers at {address}: start it, or unset {ADDRESS} to have one started");
    }
    Ok(Some(Broker { address, started: false }))
}

fn dir() -> PathBuf {
    machine::target().join("kafka")
}

/// Removes what an earlier broker left: its state and data, not its jars and log.
fn clean() -> Result<()> {
    let Ok(entries) = fs::read_dir(dir()) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("data-") {
            fs::remove_dir_all(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        } else if name == "state" {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

/// Waits until `log` shows that the broker is ready; one that `ended` before is an error with the end of its log.
fn wait(state: &State, mut ended: impl FnMut() -> bool, log: impl Fn() -> String) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !(log().contains(READY) && machine::answers(&state.address())) {
        let problem = match () {
            () if ended() => "ended at its start",
            () if Instant::now() > deadline => "is not ready after 60 s",
            () => {
                std::thread::sleep(Duration::from_millis(50));
                continue;
            }
        };
        let log = log(); // before the kill: a container takes its log with it
        state.kill()?;
        let lines: Vec<_> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(20)..].join("\n");
        bail!("kafka {problem}; the end of its log says why:\n{tail}");
    }
    Ok(())
}
