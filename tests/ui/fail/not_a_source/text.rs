use slipstream::prelude::*;

#[handle(source = "numbers", sink = [print])]
//~               ^^^^^^^^^
fn look(n: u32) -> u32 {
    n
}

fn main() {}
