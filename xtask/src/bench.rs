//! `bench NAME`: a benchmark of the tests package; it runs its baseline in turn and ends with the ratio.

use crate::{kafka, machine};
use anyhow::Result;

/// Those that have a short form, which is a part of the test.
pub(crate) const SHORT: [&str; 3] = ["cache", "count", "latency"];
/// Those that need a broker.
const ON_A_BROKER: [&str; 2] = ["count", "latency"];

pub(crate) fn run(name: &str, rest: &[&str]) -> Result<bool> {
    let target = name.replace('-', "_");
    let mut cargo = machine::cargo(&["bench", "-p", "slipstream-tests", "--bench", &target]);
    let broker = if ON_A_BROKER.contains(&name) { Some(kafka::start()?) } else { None };
    if name == "avro" {
        cargo.args(["--features", "avro"]);
    }
    if let Some(broker) = &broker {
        cargo.args(["--features", "kafka"]).env("SLIPSTREAM_TEST_KAFKA", &broker.address);
    }
    let ran = machine::run(cargo.arg("--").args(rest));
    if broker.is_some_and(|broker| broker.started) {
        kafka::stop()?;
    }
    ran.map(|()| true)
}
