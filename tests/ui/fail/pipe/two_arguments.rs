use slipstream::prelude::*;

fn more<S: Stream<Item = u32>>(numbers: S, by: u32) -> impl Stream<Item = u32> {
    numbers.map(move |n| n + by)
}

#[handle(source = 0..3_u32, pipe = [more], sink = [print])]
//~                                 ^^^^
fn look(n: u32) -> u32 {
    n
}

fn main() {}
