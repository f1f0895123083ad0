use slipstream::prelude::*;
use std::rc::Rc;

#[handle(source = 0..3_u32, pipe = [|numbers| { let by = Rc::new(3); numbers.map(move |n| n + *by) }], sink = [print])]
//~                                 ^^^^^^^^^
fn look(n: u32) -> u32 {
    n
}

fn main() {}
