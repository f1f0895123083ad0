use slipstream::prelude::*;

fn shout(words: impl Stream<Item = String> + Send) -> impl Stream<Item = String> + Send {
    words.map(|word| word.to_uppercase())
}

fn same<T>(items: impl Stream<Item = T> + Send) -> impl Stream<Item = T> + Send {
    items
}

#[handle(source = 0..3_u32, pipe = [shout, same, same], sink = [print])]
//~                                 ^^^^^
fn look(word: String) -> String {
    word
}

fn main() {}
