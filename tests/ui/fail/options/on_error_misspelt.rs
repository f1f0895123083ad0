use slipstream::prelude::*;

#[handle(source = 0..3_u32, on_error = skp)]
//~                                    ^^^
fn look(_n: u32) {}

fn main() {}
