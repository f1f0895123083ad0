use slipstream::prelude::*;

static WORDS: Topic<String, u32> = Topic::new("words");

#[handle(source = WORDS, concurrency = 4, lanes = partitions)]
//~                                       ^^^^^
fn look(_n: u32) {}

fn main() {}
