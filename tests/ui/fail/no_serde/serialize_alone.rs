use slipstream::prelude::*;

#[derive(Serialize)]
struct Half(u32);

static HALVES: Topic<String, Half> = Topic::new("halves");

#[handle(source = 0..3_u32, sink = [HALVES])]
//~                                 ^^^^^^
fn make(n: u32) -> (String, Half) {
    (n.to_string(), Half(n))
}

fn main() {}
