use slipstream::prelude::*;

static COUNTS: Cache<String, u64> = Cache::new("counts");

#[handle(source = 0..3_u32, sink = [COUNTS])]
//~                                 ^^^^^^
fn look(n: u32) -> String {
    n.to_string()
}

fn main() {}
