use slipstream::prelude::*;

static WORDS: Topic<String, u32> = Topic::new("words");
static OTHERS: Topic<String, u32> = Topic::new("others");

#[handle(source = [WORDS, OTHERS], lanes = partitions)]
//~                                ^^^^^
fn look(_n: u32) {}

fn main() {}
