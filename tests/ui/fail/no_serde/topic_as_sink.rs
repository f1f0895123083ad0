use slipstream::prelude::*;

struct Bare;

static BARES: Topic<String, Bare> = Topic::new("bares");

#[handle(source = 0..3_u32, sink = [BARES])]
//~                                 ^^^^^
fn make(n: u32) -> (String, Bare) {
    (n.to_string(), Bare)
}

fn main() {}
