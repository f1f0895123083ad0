use slipstream::prelude::*;

struct Bare;

static BARES: Topic<Bare, u64> = Topic::new("bares");

#[handle(source = 0..3_u64, sink = [BARES])]
//~                                 ^^^^^
fn make(n: u64) -> (Bare, u64) {
    (Bare, n)
}

fn main() {}
