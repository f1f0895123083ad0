use slipstream::prelude::*;

struct Bare;

fn bares() -> [Bare; 1] {
    [Bare]
}

fn texts<T: ToString>(items: impl Stream<Item = T> + Send) -> impl Stream<Item = String> + Send {
    items.map(|item| item.to_string())
}

#[handle(source = bares, pipe = [texts], sink = [print])]
//~                              ^^^^^
fn look(text: String) -> String {
    text
}

fn main() {}
