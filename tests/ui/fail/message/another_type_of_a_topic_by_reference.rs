use slipstream::prelude::*;

static WORDS: Topic<String, String> = Topic::new("words");

#[handle(source = WORDS, sink = [print])]
async fn look(n: &u32) -> u32 {
//~              ^^^^
    *n
}

fn main() {}
