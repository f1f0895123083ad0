//! A program for `cargo xtask chaos`: it counts until it is killed, judges the state that a kill has left, and writes until
//! the disk is full.

#[cfg(feature = "kafka")]
mod backlog;
mod checking;
mod checkpoints;
mod counting;
mod endpoint;
mod filling;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "kafka")]
mod poison;
mod shipping;

use slipstream::prelude::*;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

#[allow(clippy::print_stdout)] // who has started it reads it
fn say(text: &str) {
    println!("{text}");
    // Nobody listens any more: then it is about to be killed.
    let _ = std::io::stdout().flush();
}

/// A number below a bound that is different in each call and each process.
fn any_below(bound: u64) -> u64 {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    mixed(CALLS.fetch_add(1, Relaxed) ^ u64::from(std::process::id()) << 32) % bound
}

/// A number that depends on the other alone, and looks like any.
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ mixed >> 31
}

/// An app whose state is below this directory.
fn app(dir: &str) -> App {
    let config = Config::new().set("state.dir", dir).set("app.id", "chaos").set("commit.interval.ms", "20");
    App::new().config(config)
}

#[slipstream::main]
async fn main(args: Vec<String>) -> Result<()> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["count", dir, notes, pool, parted, feed] => {
            counting::run(dir, Path::new(notes), [pool.parse()?, parted.parse()?, feed.parse()?]).await
        }
        ["judge", dir] => checking::run(dir).await,
        ["endpoint", plant] => endpoint::run(plant).await,
        ["fill", dir, notes] => filling::run(dir, Path::new(notes)).await,
        ["filled", dir] => filling::check(dir).await,
        ["checkpoints", first, many, seconds, plant @ ..] => {
            checkpoints::run(first.parse()?, many.parse()?, secs(seconds.parse()?), plant).await
        }
        #[cfg(feature = "kafka")]
        ["kafka", rest @ ..] => kafka::run(rest).await,
        #[cfg(feature = "kafka")]
        ["poison", rest @ ..] => poison::run(rest).await,
        #[cfg(feature = "kafka")]
        ["backlog", rest @ ..] => backlog::run(rest).await,
        _ => Err(Error::msg(
            "`kafka ..`, `poison ..`, `backlog ..`, `checkpoints SEED MANY SECONDS [PLANT]`, `count DIR NOTES END END END`, `endpoint PLANT`, `judge DIR`, `fill DIR NOTES` or `filled DIR`",
        )),
    }
}
