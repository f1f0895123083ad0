use slipstream::prelude::*;
use std::rc::Rc;

fn counted(numbers: impl Stream<Item = u32> + Send) -> impl Stream<Item = Rc<u32>> + Send {
    numbers.map(Rc::new)
}

#[handle(source = 0..3_u32, pipe = [counted], sink = [print])]
//~                                 ^^^^^^^
fn look(n: &Rc<u32>) -> u32 {
    **n
}

fn main() {}
