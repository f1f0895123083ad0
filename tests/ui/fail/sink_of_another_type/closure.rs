use slipstream::prelude::*;

#[handle(source = 0..3_u32, sink = [|text: String| drop(text)])]
//~                                 ^^^^^^^^^^^^^^
fn look(n: u32) -> u32 {
    n
}

fn main() {}
