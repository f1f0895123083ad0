use slipstream::prelude::*;

static WORDS: Topic<String, u32> = Topic::new("words");

#[handle(source = WORDS, lanes = 4)]
//~                              ^
fn look(_n: u32) {}

fn main() {}
