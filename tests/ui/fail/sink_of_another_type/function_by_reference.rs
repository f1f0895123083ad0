use slipstream::prelude::*;

fn save(_text: &String) {}

#[handle(source = 0..3_u32, sink = [save])]
//~                                 ^^^^
fn look(n: u32) -> String {
    n.to_string()
}

fn main() {}
