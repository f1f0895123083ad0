//! What ran, how it ended and how long it took: the same table for stages of a test and for recipes.

use anyhow::Result;
use std::time::{Duration, Instant};

/// How one part ended, when it did not fail.
pub(crate) enum Outcome {
    Passed,
    /// Not run, and why.
    Skipped(String),
}

#[derive(Clone, Copy, PartialEq)]
enum Mark {
    Passed,
    Failed,
    Skipped,
}

struct Row {
    name: String,
    mark: Mark,
    took: Duration,
    note: String,
}

/// The parts so far.
pub(crate) struct Report {
    /// Whether a skipped part is a failure, as it is in CI.
    strict: bool,
    rows: Vec<Row>,
}

impl Report {
    pub(crate) fn new(strict: bool) -> Self {
        Report { strict, rows: Vec::new() }
    }

    /// Runs one part and notes how it ended.
    pub(crate) fn part(&mut self, name: &str, part: impl FnOnce() -> Result<Outcome>) {
        let begun = Instant::now();
        let (mark, note) = match part() {
            Ok(Outcome::Passed) => (Mark::Passed, String::new()),
            Ok(Outcome::Skipped(why)) => (Mark::Skipped, why),
            Err(error) => (Mark::Failed, format!("{error:#}")),
        };
        self.rows.push(Row { name: name.into(), mark, took: begun.elapsed(), note });
    }

    /// Prints the last part at once, for those who watch.
    pub(crate) fn print_last(&self) {
        if let Some(row) = self.rows.last() {
            println!("{}", self.line(row));
            if row.mark == Mark::Failed {
                println!("{}", row.note);
            }
        }
    }

    /// Prints the table.
    pub(crate) fn print(&self) {
        println!();
        for row in &self.rows {
            println!("{}", self.line(row));
            if row.mark == Mark::Failed {
                println!("{:10}{}", "", row.note.lines().next().unwrap_or_default());
            }
        }
    }

    /// Says loudly what did not run; prints the sum as the last line; tells whether all is well.
    pub(crate) fn close(&self) -> bool {
        let skipped: Vec<&Row> = self.rows.iter().filter(|row| row.mark == Mark::Skipped).collect();
        if !skipped.is_empty() {
            let verdict =
                if self.strict { "and that is a failure in CI" } else { "the rest says nothing about it" };
            println!("\n!!! NOT EVERYTHING RAN, {verdict}:");
            for row in &skipped {
                println!("!!! {}: {}", row.name, row.note);
            }
        }
        let (passed, failed) = self.counts();
        println!("\n{passed} passed, {failed} failed");
        failed == 0
    }

    fn counts(&self) -> (usize, usize) {
        let of = |mark| self.rows.iter().filter(|row| row.mark == mark).count();
        let skipped = if self.strict { of(Mark::Skipped) } else { 0 };
        (of(Mark::Passed), of(Mark::Failed) + skipped)
    }

    fn line(&self, row: &Row) -> String {
        let mark = match row.mark {
            Mark::Passed => "ok",
            Mark::Failed => "FAILED",
            Mark::Skipped => "SKIPPED",
        };
        format!("{mark:8}{:>8.1} s  {}", row.took.as_secs_f32(), row.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(strict: bool) -> Report {
        let mut report = Report::new(strict);
        report.part("one", || Ok(Outcome::Passed));
        report.part("two", || Ok(Outcome::Skipped("no redis".into())));
        report.part("three", || anyhow::bail!("it broke"));
        report
    }

    #[test]
    fn a_skipped_part_is_neither_passed_nor_failed() {
        assert_eq!(report(false).counts(), (1, 1));
    }

    #[test]
    fn in_ci_it_is_a_failure() {
        assert_eq!(report(true).counts(), (1, 2));
    }
}
