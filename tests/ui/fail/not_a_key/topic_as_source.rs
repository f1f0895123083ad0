use slipstream::prelude::*;

struct Bare;

static BARES: Topic<Bare, u64> = Topic::new("bares");

#[handle(source = BARES)]
//~               ^^^^^
fn look(_n: &u64) {}

fn main() {}
