use slipstream::prelude::*;
use std::rc::Rc;

fn offset(numbers: impl Stream<Item = u32>) -> impl Stream<Item = u32> {
    let by = Rc::new(3);
    numbers.map(move |n| n + *by)
}

#[handle(source = 0..3_u32, pipe = [offset], sink = [print])]
//~                                 ^^^^^^
fn look(n: u32) -> u32 {
    n
}

fn main() {}
