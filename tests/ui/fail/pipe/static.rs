use slipstream::prelude::*;

static NUMBERS: Topic<String, u32> = Topic::new("numbers");

#[handle(source = 0..3_u32, pipe = [NUMBERS], sink = [print])]
//~                                 ^^^^^^^
fn look(n: u32) -> u32 {
    n
}

fn main() {}
