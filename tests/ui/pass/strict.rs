//! What the attributes write passes the lints of a strict user, and a program may end with an error of its own.

#![deny(unused_qualifications, unused)]

use slipstream::prelude::*;

#[handle(source = 0..3_u32, sink = [print])]
fn same(n: u32) -> u32 {
    n
}

#[slipstream::main]
async fn main() -> std::io::Result<()> {
    Ok(())
}
