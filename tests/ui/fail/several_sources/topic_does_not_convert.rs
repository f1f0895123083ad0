use slipstream::prelude::*;

static WORDS: Topic<String, String> = Topic::new("words");

fn numbers() -> std::ops::Range<u32> {
    0..3
}

#[handle(source = [numbers, WORDS], sink = [print])]
//~                         ^^^^^
fn look(n: &u32) -> u32 {
    *n
}

fn main() {}
