use slipstream::prelude::*;

struct Bare;

static BARES: Cache<Bare, u64> = Cache::new("bares");

#[handle(source = 0..3_u64, sink = [BARES])]
//~                                 ^^^^^
fn make(n: u64) -> (Bare, u64) {
    (Bare, n)
}

fn main() {}
