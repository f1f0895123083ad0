//! A broker by Java alone: the jars come from Maven Central, once, into `target/kafka`.

use super::secure;
use super::settings::{Place, settings};
use super::state::State;
use super::{VERSION, wait};
use crate::machine;
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// Kafka logs through slf4j and leaves the choice of a back end to us: the simple one writes to stderr.
const SLF4J: &str = "1.7.36";
/// Any 22 letters that are 16 bytes in base64; these are `slipstream-kafka`.
const CLUSTER: &str = "c2xpcHN0cmVhbS1rYWZrYQ";

pub(super) fn start(dir: &Path) -> Result<State> {
    let jars = jars(dir)?;
    let [port, controller, tls] = machine::free_ports()?;
    let data = dir.join(format!("data-{port}"));
    fs::create_dir(&data).with_context(|| format!("cannot make {}", data.display()))?;
    let prepared = Prepared::new(jars, &data, dir.join("server.log"), [port, controller, tls])?;
    let (mut child, state) = prepared.spawn()?;
    state.save(dir)?;
    prepared.wait(&mut child, &state)?;
    Ok(state)
}

/// A broker that could be started.
struct Prepared {
    jars: PathBuf,
    config: PathBuf,
    log: PathBuf,
    port: u16,
}

impl Prepared {
    fn new(jars: PathBuf, data: &Path, log: PathBuf, [port, controller, tls]: [u16; 3]) -> Result<Self> {
        let config = data.join("server.properties");
        let logs = data.join("logs");
        let listener = secure::settings(data, tls)?;
        let place =
            Place { listen: "127.0.0.1", port, controller, secure: Some(tls), data: &logs.to_string_lossy() };
        let lines: String =
            settings(&place).iter().chain(&listener).map(|(key, value)| format!("{key}={value}\n")).collect();
        fs::write(&config, lines).with_context(|| format!("cannot write {}", config.display()))?;
        let mut format = java(&jars, "kafka.tools.StorageTool");
        machine::output(
            format.args(["format", "--cluster-id", CLUSTER, "--config"]).arg(&config).args(secure::scram()),
        )?;
        Ok(Prepared { jars, config, log, port })
    }

    fn spawn(&self) -> Result<(Child, State)> {
        let file = File::create(&self.log).with_context(|| format!("cannot write {}", self.log.display()))?;
        let mut broker = java(&self.jars, "kafka.Kafka");
        broker.arg(&self.config).stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        // A process group of its own: Ctrl-C at our terminal is not for the broker.
        let child = broker.process_group(0).spawn().context("cannot start java")?;
        let state = State::Java { pid: i32::try_from(child.id())?, port: self.port };
        Ok((child, state))
    }

    fn wait(&self, child: &mut Child, state: &State) -> Result<()> {
        let ended = || child.try_wait().is_ok_and(|status| status.is_some());
        wait(state, ended, || fs::read_to_string(&self.log).unwrap_or_default())
    }
}

/// A broker that comes and goes as it is told, with the same data; it goes for good when it is dropped.
pub(crate) struct Own {
    prepared: Prepared,
    child: Option<Child>,
    _home: TempDir,
}

impl Own {
    /// One that has not come yet.
    pub(super) fn new(dir: &Path) -> Result<Self> {
        let (jars, home) = (jars(dir)?, tempfile::tempdir()?);
        let prepared =
            Prepared::new(jars, home.path(), home.path().join("server.log"), machine::free_ports()?)?;
        Ok(Own { prepared, child: None, _home: home })
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.prepared.port)
    }

    /// Comes, and answers.
    pub(crate) fn come(&mut self) -> Result<()> {
        let (child, state) = self.prepared.spawn()?;
        self.prepared.wait(self.child.insert(child), &state)
    }

    /// Goes by this signal.
    pub(crate) fn go(&mut self, by: Signal) -> Result<()> {
        self.signal(by)?;
        self.child
            .take()
            .context("the broker is not there")?
            .wait()
            .map(drop)
            .context("the broker does not end")
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        let child = self.child.as_ref().context("the broker is not there")?;
        let id = Pid::from_raw(i32::try_from(child.id())?).context("a process has a number")?;
        kill_process(id, signal).context("the broker cannot be sent a signal")
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // There is none, or it ends: nothing withstands this signal.
        let _ = self.go(Signal::KILL);
    }
}

fn java(jars: &Path, class: &str) -> Command {
    let mut java = Command::new("java");
    java.args(["-Xmx1g", "-Dorg.slf4j.simpleLogger.showDateTime=true"]);
    java.arg("-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS")
        .arg("-cp")
        .arg(jars.join("*"))
        .arg(class);
    java
}

/// The folder of the jars, filled by maven the first time.
fn jars(dir: &Path) -> Result<PathBuf> {
    if !machine::found("java") {
        bail!(
            "no java to run kafka with: install it (Debian: apt-get install default-jre-headless maven), or set {}",
            super::ADDRESS
        );
    }
    let jars = dir.join(format!("jars-{VERSION}"));
    if jars.is_dir() {
        return Ok(jars);
    }
    if !machine::found("mvn") {
        bail!("no mvn to get kafka's jars with: install it (Debian: apt-get install maven)");
    }
    eprintln!("getting kafka {VERSION} from Maven Central, once");
    let part = dir.join("jars-part");
    let pom = dir.join("pom.xml");
    fs::write(&pom, self::pom()).with_context(|| format!("cannot write {}", pom.display()))?;
    let mut mvn = Command::new("mvn");
    mvn.args(["--batch-mode", "--quiet", "--file"]).arg(&pom);
    mvn.args(["dependency:copy-dependencies", "-DincludeScope=runtime"]);
    machine::output(mvn.arg(format!("-DoutputDirectory={}", part.display())))?;
    // Renamed when whole: a download that was cut off is not taken for one that is complete.
    fs::rename(&part, &jars).with_context(|| format!("cannot make {}", jars.display()))?;
    Ok(jars)
}

fn pom() -> String {
    format!(
        "\
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>slipstream</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>{VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>{SLF4J}</version>
    </dependency>
  </dependencies>
</project>
"
    )
}
