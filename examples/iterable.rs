//! An iterator as a source, and the same one slowed down so that others run in between.
//!
//! `cargo run --example iterable`

use slipstream::prelude::*;

fn fruits() -> [&'static str; 3] {
    ["apple", "pear", "plum"]
}

/// Any iterator, with a pause before each of its items.
fn slowly<T: Send + 'static>(items: impl IntoIterator<Item = T, IntoIter: Send>) -> impl Stream<Item = T> {
    every(millis(10)).zip(slipstream::iter(items)).map(|(_, item)| item)
}

#[handle(source = fruits, sink = [print])]
fn at_once(fruit: &str) -> String {
    format!("{fruit} at once")
}

#[handle(source = slowly(fruits()), sink = [print])]
fn in_time(fruit: &str) -> String {
    format!("{fruit} in time")
}

#[slipstream::main]
async fn main() -> slipstream::Result<()> {
    slipstream::run().await
}
