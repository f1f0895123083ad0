use slipstream::prelude::*;

struct Bare;

impl From<u32> for Bare {
    fn from(_: u32) -> Self {
        Bare
    }
}

static BARES: Topic<String, Bare> = Topic::new("bares");

#[handle(source = [0..3_u32, BARES])]
//~                          ^^^^^
fn look(_bare: Bare) {}

fn main() {}
