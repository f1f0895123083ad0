//! Runs an example again and again on a stopped clock, which is moved from sleeper to sleeper, and compares what it prints.

use slipstream::prelude::*;
use std::process::{Command, ExitCode, Output, Stdio};

/// Says how many runs there are; a few are enough for a test among others.
const RUNS: &str = "SLIPSTREAM_TEST_RUNS";
const FEW: usize = 4;
/// So many processes run side by side, each for one run after another.
const PROCESSES: usize = 4;
/// The argument of such a process, and the line that ends a run of it.
const PRINT: &str = "print-runs";
const END: &str = "== end of a run\n";

/// The program of a test: `expected` is what each run prints.
pub(crate) fn main(name: &str, expected: &str) -> ExitCode {
    let mut args = std::env::args().skip_while(|arg| arg != PRINT).skip(1);
    let done = match args.next() {
        Some(runs) => runs.parse().map_err(Error::from).and_then(print),
        None => compare(name, expected),
    };
    done.map_or_else(
        |error| {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

fn compare(name: &str, expected: &str) -> Result<()> {
    let runs = std::env::var(RUNS).map_or(Ok(FEW), |runs| runs.parse())?;
    let start = |process: usize| {
        let mut command = Command::new(std::env::current_exe()?);
        command.args([PRINT, &((runs + process) / PROCESSES).to_string()]).stdout(Stdio::piped());
        Ok(command.env_remove("SLIPSTREAM_KAFKA_BOOTSTRAP_SERVERS").spawn()?)
    };
    let processes = (0..PROCESSES).map(start).collect::<Result<Vec<_>>>()?;
    let (mut same, mut other) = (0, None);
    for process in processes {
        let Output { status, stdout, .. } = process.wait_with_output()?;
        if !status.success() {
            return Err(Error::msg(format!("a run of {name} has failed ({status})")));
        }
        for printed in String::from_utf8(stdout)?.split_terminator(END) {
            match printed == expected {
                true => same += 1,
                false => other = Some(printed.to_owned()),
            }
        }
    }
    println!("{name}: {runs} runs on a stopped clock, {} differences", runs - same);
    match (runs - same, other) {
        (0, _) => Ok(()),
        (_, other) => Err(Error::msg(format!("one of them has printed\n{}", other.unwrap_or_default()))),
    }
}

fn print(runs: usize) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    (0..runs).try_for_each(|_| {
        runtime.block_on(run())?;
        print!("{END}");
        Ok(())
    })
}

/// All handlers of the example, in memory, with time of their own.
async fn run() -> Result<()> {
    let config = Config::new().set("kafka.bootstrap.servers", "memory").set("state.dir", "memory");
    let clock = slipstream::testing::stopped_clock();
    let app = App::collected().config(config).clock(clock).start().await?;
    let moving = async {
        loop {
            app.advance(secs(1)).await;
        }
    };
    tokio::select! {
        ended = app.wait() => ended,
        () = moving => Ok(()),
    }
}
