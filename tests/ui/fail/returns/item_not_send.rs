use slipstream::prelude::*;
use std::rc::Rc;

#[handle(source = 0..3_u32, sink = [print])]
fn look(n: u32) -> Rc<u32> {
//~                ^^^^^^^
    Rc::new(n)
}

fn main() {}
