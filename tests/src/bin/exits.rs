//! A program for the tests of what a process does: its exit codes, and what it does when it is told to stop.

use slipstream::prelude::*;
use slipstream::testing;
use std::io::Write as _;

#[allow(clippy::print_stdout)] // the test reads it
fn say(text: &str) {
    println!("{text}");
    let _ = std::io::stdout().flush();
}

#[handle(source = 0..3_u32)]
fn ends(_n: u32) {}

#[handle(source = 0..3_u32)]
fn fails(n: u32) -> Result<()> {
    if n == 1 { Err(Error::msg("one is too many")) } else { Ok(()) }
}

#[handle(source = every(millis(1)), sink = [print])]
fn prints(n: u64) -> u64 {
    n
}

#[handle(source = 0..3_u32)]
fn lacks(_n: u32, _limit: State<u64>) {}

#[handle(source = every(millis(10)))]
async fn sleeps(n: u64) {
    say(&format!("taken {n}"));
    tokio::time::sleep(millis(300)).await;
    say(&format!("done {n}"));
}

#[handle(source = every(millis(10)))]
async fn never_ends() {
    say("taken");
    std::future::pending::<()>().await;
}

static KEPT: Cache<u32, u32> = Cache::new("kept");

#[handle(source = 0..3_u32, sink = [KEPT])]
fn keeps(n: u32) -> (u32, u32) {
    (n, n)
}

/// Blocks its thread: the process must end all the same.
#[handle(source = every(millis(10)))]
fn blocks() {
    say("taken");
    std::thread::sleep(secs(60));
}

#[slipstream::main]
async fn main(words: Vec<String>) -> Result<()> {
    let app = testing::app().on_stop(async || {
        say("stopped in order");
        Ok(())
    });
    match words.first().map(String::as_str) {
        Some("ends") => app.handler(ends).run().await,
        Some("prints") => testing::app().handler(prints).run().await,
        Some("fails") => app.handler(fails).run().await,
        Some("lacks") => app.handler(lacks).run().await,
        Some("sleeps") => app.handler(sleeps).run().await,
        Some("never-ends") => app.handler(never_ends).run().await,
        Some("hook-hangs") => {
            let hangs = async || {
                say("stopping");
                std::future::pending().await
            };
            app.handler(ends).on_stop(hangs).run().await
        }
        Some("goes-on") => {
            app.handler(ends).run().await?;
            say("going on");
            tokio::time::sleep(secs(60)).await;
            Ok(())
        }
        Some("keeps") => App::new().handler(keeps).config(Config::of_process()).run().await,
        Some("blocks") => app.handler(blocks).run().await,
        _ => Err(Error::msg("which one?")),
    }
}
