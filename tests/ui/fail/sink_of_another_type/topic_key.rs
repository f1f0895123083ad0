use slipstream::prelude::*;

static COUNTS: Topic<String, u32> = Topic::new("counts");

#[handle(source = 0..3_u32, sink = [COUNTS])]
//~                                 ^^^^^^
fn look(n: u32) -> (Option<u32>, u32) {
    (Some(n), n)
}

fn main() {}
