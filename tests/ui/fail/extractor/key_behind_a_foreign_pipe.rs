use slipstream::prelude::*;

static WORDS: Topic<String, u32> = Topic::new("words");

fn plain(words: impl Stream<Item = Record<String, u32>> + Send) -> impl Stream<Item = u32> + Send {
    words.map(|word| word.value)
}

#[handle(source = WORDS, pipe = [plain], sink = [print])]
fn look(n: u32, _key: Key<String>) -> u32 {
//~                   ^^^^^^^^^^^
    n
}

fn main() {}
