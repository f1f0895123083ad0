use slipstream::prelude::*;
use std::rc::Rc;

#[handle(source = 0..3_u32, sink = [print])]
fn look(n: u32) -> impl Iterator<Item = u32> {
//~                ^^^^^^^^^^^^^^^^^^^^^^^^^
    let by = Rc::new(n);
    (0..3_u32).map(move |n| n + *by)
}

fn main() {}
