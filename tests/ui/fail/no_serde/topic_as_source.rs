use slipstream::prelude::*;

struct Bare;

static BARES: Topic<String, Bare> = Topic::new("bares");

#[handle(source = BARES)]
//~               ^^^^^
fn look(_bare: &Bare) {}

fn main() {}
