//! Prints the local time each second.
//!
//! `cargo run --example timer`

use slipstream::prelude::*;

fn timer() -> impl Stream<Item = DateTime<Local>> {
    every(secs(1)).map(|_| Local::now())
}

#[handle(source = timer, sink = [print])]
fn tick(now: DateTime<Local>) -> String {
    now.format("%H:%M:%S").to_string()
}

#[slipstream::main]
async fn main() -> slipstream::Result<()> {
    slipstream::run().await
}
