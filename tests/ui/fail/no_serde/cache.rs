use slipstream::prelude::*;

struct Bare;

static BARES: Cache<u64, Bare> = Cache::new("bares");

#[handle(source = 0..3_u64, sink = [BARES])]
//~                                 ^^^^^
fn make(n: u64) -> (u64, Bare) {
    (n, Bare)
}

fn main() {}
