use slipstream::prelude::*;

static NUMBERS: Topic<u64, i64> = Topic::new("numbers");
static SUMS: Cache<u64, i64> = Cache::new("sums");

#[handle(source = NUMBERS, after = [SUMS])]
//~                                 ^^^^
fn look(_n: i64) {}

fn main() {}
