use slipstream::prelude::*;

#[handle(source = 0..3_u32, sink = [print])]
fn look(word: String, more: State<String>) -> String {
//~           ^^^^^^
    word + &more
}

fn main() {}
