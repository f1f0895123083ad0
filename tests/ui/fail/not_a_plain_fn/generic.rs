use slipstream::prelude::*;

#[handle(source = 0..3_u32)]
fn look<T: Send>(_n: T) {}
//~    ^^^^^^^^^

fn main() {}
