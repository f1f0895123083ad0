//! Pipe: the three columns of the cookbook, and two lines more.

use super::compare;
use super::example::Example;
use anyhow::{Context, Result};
use std::time::Duration;

/// Each of these is a choice of the example and a column of what is expected.
const CHOICES: [&str; 3] = ["pairwise", "accumulate", "both"];

pub(super) fn column(which: &str) -> Result<()> {
    let expected = column_of(&super::expected("pipe")?, which)?;
    let lines = expected.lines().count();
    let mut pipe = Example::new("pipe")?.arg(which).start()?;
    // A number comes each 100 ms, so that these take less than a second, and 100 of them ten.
    pipe.wait_for_lines(lines, Duration::from_secs(5));
    let ended = pipe.terminate()?;
    ended.with_code(0)?;
    // One more may have come before the signal.
    let first = &ended.lines[..ended.lines.len().min(lines)];
    compare::same(&expected, first)
}

/// What stands below a word of the first line, up to the next word there.
fn column_of(table: &str, which: &str) -> Result<String> {
    let mut lines = table.lines();
    let head = lines.next().unwrap_or_default();
    let begin = head.find(which).with_context(|| format!("no column `{which}` in `{head}`"))?;
    let end = CHOICES.iter().filter_map(|other| head.find(other)).filter(|at| *at > begin).min();
    let cell = |line: &str| line[begin..end.unwrap_or(line.len()).min(line.len())].trim_end().to_owned();
    Ok(lines.map(cell).collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_column_is_cut_out_of_the_table() {
        let table =
            "pairwise   accumulate   both\n(0, 1)     0            (0, 1)\n(1, 2)     1            (1, 13)\n";
        let column = |which| super::column_of(table, which).unwrap();
        assert_eq!([column("pairwise"), column("accumulate")], ["(0, 1)\n(1, 2)", "0\n1"]);
        assert_eq!(column("both"), "(0, 1)\n(1, 13)");
        assert!(super::column_of(table, "sum").is_err());
    }
}
