use slipstream::prelude::*;

static NUMBERS: Topic<u64, i64> = Topic::new("numbers");
static MORE: Topic<u64, i64> = Topic::new("more");
static SYNC: Checkpoint = Checkpoint::new("sync", &[Dependency::new("other", secs(1))]);

#[handle(source = [NUMBERS, MORE], after = [SYNC], time = |_: &i64| Utc::now())]
//~                                ^^^^^
fn look(_n: i64) {}

fn main() {}
