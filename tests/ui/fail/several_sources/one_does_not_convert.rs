use slipstream::prelude::*;

fn numbers() -> std::ops::Range<u32> {
    0..3
}

fn words() -> [&'static str; 2] {
    ["one", "two"]
}

#[handle(source = [numbers, words], sink = [print])]
//~                         ^^^^^
fn look(n: u32) -> u32 {
    n
}

fn main() {}
