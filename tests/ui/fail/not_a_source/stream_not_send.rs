use slipstream::prelude::*;
use std::rc::Rc;

fn numbers() -> impl Stream<Item = u32> {
    let start = Rc::new(3);
    slipstream::iter(0..3_u32).map(move |n| n + *start)
}

#[handle(source = numbers, sink = [print])]
//~               ^^^^^^^
fn look(n: u32) -> u32 {
    n
}

fn main() {}
