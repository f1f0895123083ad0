use slipstream::prelude::*;

#[handle(source = 0..3_u32, on_error = retry(3))]
//~                                    ^^^^^^^^
fn look(_n: u32) {}

fn main() {}
