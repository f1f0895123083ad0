use slipstream::prelude::*;

static COUNTS: Cache<String, u64> = Cache::new("counts");

#[handle(source = COUNTS, sink = [print])]
fn look(n: u32) -> u32 {
//~        ^^^
    n
}

fn main() {}
