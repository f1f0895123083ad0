//! The project's commands, as `cargo xtask NAME`: one `match`, one file (or folder) a command.
//!
//! Few dependencies, on purpose: whoever types `cargo xtask` waits for them.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr)] // a command-line tool speaks to a terminal

mod bench;
mod builds;
mod chaos;
mod expand;
mod kafka;
mod machine;
mod python;
mod recipes;
mod redis;
mod report;
mod test;
mod tidy;

use anyhow::{Result, bail};
use std::process::ExitCode;

const HELP: &str = "\
usage: cargo xtask COMMAND

  test                      everything that must pass: the command of the README
  ci                        the same, where a skipped part is a failure
  tidy                      what no lint checks: sizes, layers, reasons
  recipes [NAME..] [--broker ADDRESS] | --repeat
                            run the examples and compare what they print; or two of them 200 times on a stopped clock
                            and 50 times on the real one
  kafka start|stop|status   a real broker on this machine
  bench NAME [ARG..]        a benchmark beside its baseline
  chaos NAME [--short] [--seed N] [--kills N]
                            state-kill, corruption or disk-full: the state must come out right;
                            checkpoints: streams that wait for others go on, and back;
                            kafka-kill, broker, members: so must what is in a topic;
                            poison: and in that of dead letters;
                            backlog: memory must keep to its budgets;
                            endpoint: web clients come and go, and leave nothing
  expand NAME               what the macros make of an example
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match dispatch(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all went well; an error is for what could not even be tried.
fn dispatch(args: &[&str]) -> Result<bool> {
    match args {
        ["test"] => test::run(machine::is_ci()),
        ["ci"] => test::run(true),
        ["tidy"] => tidy::run(),
        ["recipes", words @ ..] => recipes::command(words),
        ["kafka", "start"] => kafka::print_started(),
        ["kafka", "stop"] => kafka::stop().map(|()| true),
        ["kafka", "status"] => kafka::print_status(),
        ["bench", name, rest @ ..] => bench::run(name, rest),
        ["chaos", name, rest @ ..] => chaos::command(name, rest),
        ["expand", name] => expand::run(name),
        [] | ["help" | "-h" | "--help"] => {
            print!("{HELP}");
            Ok(true)
        }
        _ => bail!("no command `cargo xtask {}`\n\n{HELP}", args.join(" ")),
    }
}
