//! Pipes transform the stream itself: `pairwise`, `accumulate`, or one after the other.
//!
//! `cargo run --example pipe -- pairwise|accumulate|both`

use slipstream::prelude::*;

fn numbers() -> impl Stream<Item = u64> {
    every(millis(100)).take(100)
}

#[handle(source = numbers, pipe = [pairwise], sink = [print])]
fn pairs(pair: (u64, u64)) -> (u64, u64) {
    pair
}

#[handle(source = numbers, pipe = [accumulate], sink = [print])]
fn sums(sum: u64) -> u64 {
    sum
}

#[handle(source = numbers, pipe = [accumulate, pairwise], sink = [print])]
fn both(pair: (u64, u64)) -> (u64, u64) {
    pair
}

#[slipstream::main]
async fn main(words: Vec<String>) -> slipstream::Result<()> {
    let app = App::collected();
    let app = match words.first().map(String::as_str) {
        Some("pairwise") | None => app.only(["pairs"]),
        Some("accumulate") => app.only(["sums"]),
        Some("both") => app.only(["both"]),
        Some(_) => return Err(Error::msg("which pipe? one of pairwise, accumulate, both")),
    };
    app.run().await
}
