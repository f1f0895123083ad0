use slipstream::prelude::*;

static COUNTS: Topic<String, u64> = Topic::new("counts");

#[handle(source = 0..3_u32, sink = [COUNTS])]
//~                                 ^^^^^^
fn look(n: u32) -> (String, u32) {
    (n.to_string(), n)
}

fn main() {}
