use slipstream::prelude::*;
use std::rc::Rc;

#[handle(source = 0..3_u32, sink = [print])]
fn look(n: u32) -> impl Stream<Item = u32> {
//~                ^^^^^^^^^^^^^^^^^^^^^^^
    let by = Rc::new(n);
    slipstream::iter(0..3_u32).map(move |n| n + *by)
}

fn main() {}
