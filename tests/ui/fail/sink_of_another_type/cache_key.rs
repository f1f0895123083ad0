use slipstream::prelude::*;

static COUNTS: Cache<String, u64> = Cache::new("counts");

#[handle(source = 0..3_u64, sink = [COUNTS])]
//~                                 ^^^^^^
fn look(n: u64) -> (u64, u64) {
    (n, n)
}

fn main() {}
