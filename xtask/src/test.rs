//! `test`: everything that must pass, in stages; a newcomer, a reviewer and CI run the same.
//!
//! Quick stages come first; one that fails does not hold back the rest.

use crate::kafka::{self, Broker};
use crate::redis::Redis;
use crate::report::{Outcome, Report};
use crate::{bench, builds, chaos, machine, python, recipes, tidy};
use anyhow::{Result, bail};
use std::process::Command;

pub(crate) fn run(strict: bool) -> Result<bool> {
    let mut report = Report::new(strict);
    let mut stage = |name: &str, part: &mut dyn FnMut() -> Result<Outcome>| {
        println!("\n=== {name}");
        report.part(name, part);
    };
    let mut broker = None;
    let mut redis = None;
    let mut python = None;

    stage("format", &mut || passed(&mut cargo("fmt", &["--all", "--check"])));
    stage("tidy", &mut || if tidy::run()? { Ok(Outcome::Passed) } else { bail!("see the list above") });
    stage("lean library", &mut lean);
    stage("lints", &mut || {
        passed(cargo("clippy", builds::KAFKA).args(["--all-targets", "--", "-D", "warnings"]))
    });
    stage("documentation", &mut || {
        let doc = [
            "-p",
            "slipstream-rs",
            "-p",
            "slipstream-macros",
            "--no-deps",
            "--features",
            "kafka,schema-registry",
        ];
        passed(cargo("doc", &doc).env("RUSTDOCFLAGS", "-D warnings"))
    });
    stage("tests, default features", &mut || passed(&mut cargo("test", builds::DEFAULT)));
    stage("start kafka", &mut || Ok(keep(&mut broker, kafka::start())));
    stage("start redis", &mut || Ok(keep(&mut redis, Redis::start())));
    stage("install python's avro", &mut || Ok(keep(&mut python, python::prepare())));
    stage("tests, all packages with kafka", &mut || {
        with_servers(broker.as_ref(), redis.as_ref(), python.as_deref())
    });
    stage("tests, tls and passwords", &mut || secured(broker.as_ref()));
    for name in chaos::NAMES {
        stage(&format!("chaos {name}"), &mut || chaos::short(name));
    }
    for name in bench::SHORT {
        stage(&format!("bench {name}, one pair"), &mut || {
            if bench::run(name, &["--short"])? { Ok(Outcome::Passed) } else { bail!("see the ratios above") }
        });
    }
    stage("recipes", &mut || {
        let all_well = recipes::run(&[], strict, broker.as_ref())?;
        if all_well { Ok(Outcome::Passed) } else { bail!("see the differences above") }
    });
    if broker.is_some_and(|broker| broker.started) {
        stage("stop kafka", &mut || kafka::stop().map(|()| Outcome::Passed));
    }
    drop(redis);

    report.print();
    Ok(report.close())
}

/// A cargo that tells nothing of the caller's broker: what is to have one is told so.
fn cargo(command: &str, args: &[&str]) -> Command {
    let mut cargo = machine::cargo(&[command]);
    cargo.args(args).env_remove(kafka::ADDRESS);
    cargo
}

fn passed(command: &mut Command) -> Result<Outcome> {
    machine::run(command)?;
    Ok(Outcome::Passed)
}

/// Keeps a server that could be started; one that could not is skipped, and the reason told.
fn keep<T>(place: &mut Option<T>, started: Result<T>) -> Outcome {
    match started {
        Ok(server) => {
            *place = Some(server);
            Outcome::Passed
        }
        Err(why) => Outcome::Skipped(format!("{why:#}")),
    }
}

/// Without features the library builds, and needs neither librdkafka nor sled, Avro nor a client of HTTP; nor do the
/// default examples need librdkafka, which alone takes a minute to build.
fn lean() -> Result<Outcome> {
    lacks(&["-p", "slipstream-rs", "--no-default-features"], &["rdkafka", "sled", "apache-avro", "ureq"])?;
    lacks(&["-p", "examples"], &["rdkafka"])?;
    let lean = ["-p", "slipstream-rs", "--no-default-features", "--", "-D", "warnings"];
    passed(&mut cargo("clippy", &lean))
}

fn lacks(build: &[&str], unwanted: &[&str]) -> Result<()> {
    let tree = ["--edges", "normal", "--prefix", "none", "--format", "{p}"];
    let tree = machine::output(cargo("tree", &tree).args(build))?;
    for name in unwanted {
        if tree.lines().any(|line| line.split(' ').next() == Some(*name)) {
            let build = build.join(" ");
            bail!(
                "`cargo build {build}` builds {name}: `cargo tree -i {name} {build}` says for which package"
            );
        }
    }
    Ok(())
}

/// What needs OpenSSL, which the other builds must not need.
fn secured(broker: Option<&Broker>) -> Result<Outcome> {
    let found = machine::output(Command::new("pkg-config").args(["--exists", "openssl"]));
    if found.is_err() {
        let why = "no OpenSSL to build with: install it (Debian: apt-get install libssl-dev pkg-config)";
        return Ok(Outcome::Skipped(why.into()));
    }
    let (Some(broker), Some((address, certificate))) = (broker, kafka::secure()) else {
        return Ok(Outcome::Skipped("only a broker that was started by Java has a listener with TLS".into()));
    };
    let tests = ["-p", "slipstream-tests", "--features", "ssl,avro", "--test", "kafka", "--", "secure::"];
    let mut cargo = cargo("test", &tests);
    cargo.env("SLIPSTREAM_TEST_KAFKA", &broker.address).env("SLIPSTREAM_TEST_KAFKA_TLS", address);
    passed(cargo.env("SLIPSTREAM_TEST_KAFKA_CERTIFICATE", certificate))
}

/// Unit, integration, UI and doc tests, told where the servers are.
fn with_servers(broker: Option<&Broker>, redis: Option<&Redis>, python: Option<&str>) -> Result<Outcome> {
    let mut cargo = cargo("test", builds::KAFKA);
    cargo.envs(broker.map(|broker| ("SLIPSTREAM_TEST_KAFKA", &broker.address)));
    cargo.envs(redis.map(|redis| ("REDIS_URL", &redis.url)));
    cargo.envs(python.map(|python| ("SLIPSTREAM_TEST_PYTHON", python)));
    passed(&mut cargo)
}
