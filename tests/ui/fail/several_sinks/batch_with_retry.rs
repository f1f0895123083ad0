use slipstream::prelude::*;

struct Row;

fn insert_all(_rows: Vec<Row>) {}

#[handle(source = 0..3_u32, sink = [batch(500, millis(50), insert_all)], on_error = retry(1, fixed(millis(1))))]
//~                                 ^^^^^
fn look(_n: u32) -> Row {
    Row
}

fn main() {}
