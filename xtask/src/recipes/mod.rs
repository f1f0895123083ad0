//! `recipes [NAME..] [--broker ADDRESS]`: runs the examples as a person would, and compares what they print with the
//! cookbook. `recipes --repeat` does so many times to those that time could make differ.

mod compare;
mod endpoint;
mod events;
mod example;
mod pipe;
mod quakes;
mod repeat;
mod sink;
mod source;
mod timer;

use crate::kafka::{self, Broker};
use crate::redis::Redis;
use crate::report::{Outcome, Report};
use crate::{builds, machine};
use anyhow::{Context, Result, bail};
use example::Example;
use std::time::Duration;

/// One thing that is checked: `pipe-both` is one of the checks of `--example pipe`.
struct Recipe {
    name: &'static str,
    check: Check,
}

/// A check by what it needs.
enum Check {
    Alone(fn() -> Result<()>),
    /// It gets the address of a Redis.
    Redis(fn(&str) -> Result<()>),
    /// It gets the address of a broker, and examples that are built with the feature `kafka`.
    Kafka(fn(&str) -> Result<()>),
}

/// Those with a broker come last: the examples are built again for them.
const RECIPES: &[Recipe] = &[
    Recipe { name: "timer", check: Check::Alone(timer::ticks) },
    Recipe { name: "iterable", check: Check::Alone(|| as_expected("iterable")) },
    Recipe { name: "source", check: Check::Alone(source::reconnects) },
    Recipe { name: "pipe-pairwise", check: Check::Alone(|| pipe::column("pairwise")) },
    Recipe { name: "pipe-accumulate", check: Check::Alone(|| pipe::column("accumulate")) },
    Recipe { name: "pipe-both", check: Check::Alone(|| pipe::column("both")) },
    Recipe { name: "sink", check: Check::Redis(sink::counts) },
    Recipe { name: "sink-offline", check: Check::Alone(sink::offline) },
    Recipe { name: "avro_codec", check: Check::Alone(|| as_expected("avro_codec")) },
    Recipe { name: "aggregations", check: Check::Alone(|| as_expected("aggregations")) },
    Recipe { name: "joins", check: Check::Alone(|| as_expected("joins")) },
    Recipe { name: "synchronization", check: Check::Alone(|| as_expected("synchronization")) },
    Recipe { name: "endpoint", check: Check::Alone(endpoint::streams) },
    Recipe { name: "avro_codec-kafka", check: Check::Kafka(|broker| on_a_broker("avro_codec", broker)) },
    Recipe {
        name: "synchronization-kafka",
        check: Check::Kafka(|broker| on_a_broker("synchronization", broker)),
    },
    Recipe { name: "quakes", check: Check::Alone(quakes::in_memory) },
    Recipe { name: "quakes-kafka", check: Check::Kafka(quakes::two_commands) },
    Recipe { name: "quakes-killed", check: Check::Kafka(quakes::killed) },
];

pub(crate) fn command(words: &[&str]) -> Result<bool> {
    match words {
        ["--repeat"] => repeat::run(),
        [names @ .., "--broker", address] | ["--broker", address, names @ ..] => {
            let broker = Broker { address: (*address).to_owned(), started: false };
            run(names, machine::is_ci(), Some(&broker))
        }
        names => run(names, machine::is_ci(), kafka::running()?.as_ref()),
    }
}

/// Runs the recipes of these names (of any name, if there is none) and tells whether all are as they should be.
pub(crate) fn run(names: &[&str], strict: bool, broker: Option<&Broker>) -> Result<bool> {
    if let Some(unknown) = names.iter().find(|name| !RECIPES.iter().any(|recipe| named(recipe.name, name))) {
        let all: Vec<_> = RECIPES.iter().map(|recipe| recipe.name).collect();
        bail!("no recipe `{unknown}`; there are: {}", all.join(", "));
    }
    let asked = |recipe: &&Recipe| names.is_empty() || names.iter().any(|name| named(recipe.name, name));
    let mut report = Report::new(strict);
    let mut built = None;
    for recipe in RECIPES.iter().filter(asked) {
        let kafka = matches!(recipe.check, Check::Kafka(_)) && broker.is_some();
        if built != Some(kafka) {
            build(kafka)?;
            built = Some(kafka);
        }
        report.part(recipe.name, || check(&recipe.check, broker));
        report.print_last();
    }
    Ok(report.close())
}

/// `pipe` is asked for by `pipe` and by `pipe-both`.
fn named(recipe: &str, asked: &str) -> bool {
    recipe.strip_prefix(asked).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

fn check(check: &Check, broker: Option<&Broker>) -> Result<Outcome> {
    match (check, broker) {
        (Check::Alone(check), _) => check()?,
        (Check::Redis(check), _) => match Redis::start() {
            Ok(redis) => check(&redis.url)?,
            Err(why) => return Ok(Outcome::Skipped(format!("{why:#}"))),
        },
        (Check::Kafka(check), Some(broker)) => check(&broker.address)?,
        (Check::Kafka(_), None) => {
            return Ok(Outcome::Skipped("no broker: `cargo xtask kafka start` starts one".into()));
        }
    }
    Ok(Outcome::Passed)
}

fn build(kafka: bool) -> Result<()> {
    // The default build leaves out the one recipe that needs more.
    let (build, more): (_, &[&str]) =
        if kafka { (builds::KAFKA, &[]) } else { (builds::DEFAULT, &["--features", "examples/avro"]) };
    machine::run(machine::cargo(&["build", "--examples"]).args(build).args(more))
}

/// The same output with the topic on a broker, where no other run has met it.
fn on_a_broker(name: &str, broker: &str) -> Result<()> {
    let id = format!("{name}-{:x}", machine::random());
    let example = Example::new(name)?.env(kafka::ADDRESS, broker).env("SLIPSTREAM_APP_ID", &id);
    prints_as_expected(name, example.env("SLIPSTREAM_TOPIC_WEATHER_NAME", &id))
}

/// An example that ends by itself and prints what `examples/expected/NAME.txt` says.
fn as_expected(name: &str) -> Result<()> {
    prints_as_expected(name, Example::new(name)?)
}

fn prints_as_expected(name: &str, example: Example) -> Result<()> {
    let ended = example.run(Duration::from_secs(30))?;
    ended.with_code(0)?;
    compare::same(&expected(name)?, &ended.lines)
}

fn expected(name: &str) -> Result<String> {
    let path = machine::root().join(format!("examples/expected/{name}.txt"));
    std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}: write there what the recipe prints", path.display()))
}

/// The package of an example: those that need more than the library are apart, so that the others build fast.
pub(crate) fn package_of(example: &str) -> Result<&'static str> {
    let files = [format!("{example}.rs"), format!("{example}/main.rs")];
    let has = |dir: &str| {
        let dir = machine::root().join(dir);
        files.iter().any(|file| dir.join(file).is_file() || dir.join("examples").join(file).is_file())
    };
    match () {
        () if has("examples/net") => Ok("examples-net"),
        () if has("examples") => Ok("examples"),
        () => bail!("no example {example} in examples/ or examples/net/: see `ls examples`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Those of the cookbook, in its order.
    const COOKBOOK: [&str; 10] = [
        "timer",
        "iterable",
        "source",
        "pipe",
        "sink",
        "avro_codec",
        "aggregations",
        "joins",
        "synchronization",
        "endpoint",
    ];

    #[test]
    fn what_the_guide_includes_is_there() {
        let chapters = machine::root().join("docs/src");
        for chapter in std::fs::read_dir(&chapters).unwrap() {
            let text = std::fs::read_to_string(chapter.unwrap().path()).unwrap();
            for included in text.split("{{#include ").skip(1).filter_map(|rest| rest.split("}}").next()) {
                assert!(chapters.join(included).is_file(), "{included}");
            }
        }
    }

    #[test]
    fn all_ten_recipes_of_the_cookbook_are_run_and_told_of() {
        let guide = std::fs::read_to_string(machine::root().join("docs/src/cookbook.md")).unwrap();
        for name in COOKBOOK {
            assert!(RECIPES.iter().any(|recipe| named(recipe.name, name)), "no check of {name}");
            assert!(package_of(name).is_ok() && guide.contains(&format!("/{name}.rs}}}}")), "{name}");
        }
    }
}
