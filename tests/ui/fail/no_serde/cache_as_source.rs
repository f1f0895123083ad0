use slipstream::prelude::*;

struct Plain;

static PLAIN: Cache<String, Plain> = Cache::new("plain");

#[handle(source = PLAIN)]
//~               ^^^^^
fn plain(_: (String, Plain)) {}

fn main() {}
