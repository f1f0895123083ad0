use slipstream::prelude::*;

#[handle(source = 0..3_u32, sink = [print])]
fn look(word: &String) -> String {
//~           ^^^^^^^
    word.clone()
}

fn main() {}
