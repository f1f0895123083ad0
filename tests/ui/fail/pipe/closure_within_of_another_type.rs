use slipstream::prelude::*;

#[handle(source = 0..3_u32, pipe = [map(|word: String| word.len())], sink = [print])]
//~                                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
fn look(n: usize) -> usize {
    n
}

fn main() {}
