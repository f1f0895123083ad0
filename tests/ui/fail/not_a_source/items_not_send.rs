use slipstream::prelude::*;
use std::rc::Rc;

fn numbers() -> impl Iterator<Item = Rc<u32>> {
    (0..3).map(Rc::new)
}

#[handle(source = numbers, sink = [print])]
//~               ^^^^^^^
fn look(n: &u32) -> u32 {
    *n
}

fn main() {}
