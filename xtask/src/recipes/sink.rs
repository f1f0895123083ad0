//! Sink: each emoji was seen twice, and a Redis says so; without a Redis one line does.

use super::compare;
use super::example::Example;
use crate::machine;
use anyhow::{Result, bail};
use std::time::Duration;

const WITHIN: Duration = Duration::from_secs(20);

pub(super) fn counts(redis: &str) -> Result<()> {
    let ended = Example::new("sink")?.env("REDIS_URL", redis).run(WITHIN)?;
    ended.with_code(0)?;
    let printed: Vec<String> = ended.lines.iter().map(|line| sorted(line)).collect();
    compare::same(&sorted(super::expected("sink")?.trim_end()), &printed)
}

/// A set as text, in an order of its own and without quotes: the recipe promises neither.
fn sorted(set: &str) -> String {
    let bare = set.replace(['{', '}', '\'', '"'], "");
    let mut entries: Vec<&str> = bare.split(',').map(str::trim).collect();
    entries.sort_unstable();
    entries.join(", ")
}

pub(super) fn offline() -> Result<()> {
    let [closed] = machine::free_ports()?;
    let ended = Example::new("sink")?.env("REDIS_URL", &format!("redis://127.0.0.1:{closed}")).run(WITHIN)?;
    ended.with_code(2)?;
    let errors: Vec<&str> = ended.errors.lines().collect();
    match errors[..] {
        [line] if line.contains(&closed.to_string()) && ended.lines.is_empty() => Ok(()),
        _ => bail!(
            "without a server it should print one line on stderr that names the address, but it printed\n{}{}",
            ended.errors,
            ended.lines.join("\n")
        ),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn order_and_quotes_do_not_matter_but_numbers_do() {
        assert_eq!(super::sorted("{'a': 2, 'b': 2}"), super::sorted("{\"b\": 2, \"a\": 2}"));
        assert_ne!(super::sorted("{'a': 2}"), super::sorted("{'a': 3}"));
    }
}
