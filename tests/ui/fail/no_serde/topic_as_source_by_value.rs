use slipstream::prelude::*;

struct Bare;

static BARES: Topic<String, Bare> = Topic::new("bares");

#[handle(source = BARES, sink = [print])]
//~               ^^^^^
fn look((key, _bare): (String, Bare)) -> String {
    key
}

fn main() {}
