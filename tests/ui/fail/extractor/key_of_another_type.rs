use slipstream::prelude::*;

static WORDS: Topic<String, u32> = Topic::new("words");

#[handle(source = WORDS, sink = [print])]
fn look(n: u32, _key: Key<u64>) -> u32 {
//~                   ^^^^^^^^
    n
}

fn main() {}
