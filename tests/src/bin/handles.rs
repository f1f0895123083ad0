//! A program for the tests of the command line: it takes no words of its own.

use slipstream::prelude::*;

#[handle(source = 0..3_u32)]
fn look(_n: u32) {}

#[slipstream::main]
async fn main() -> Result<()> {
    slipstream::run().await
}
