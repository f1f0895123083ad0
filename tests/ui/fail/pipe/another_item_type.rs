use slipstream::prelude::*;

fn shout(words: impl Stream<Item = String> + Send) -> impl Stream<Item = String> + Send {
    words.map(|word| word.to_uppercase())
}

#[handle(source = 0..3_u32, pipe = [shout], sink = [print])]
//~                                 ^^^^^
fn look(word: String) -> String {
    word
}

fn main() {}
