use slipstream::prelude::*;

async fn all<S: Stream<Item = u32>>(numbers: S) -> Vec<u32> {
    numbers.collect().await
}

#[handle(source = 0..3_u32, pipe = [all], sink = [print])]
//~                                 ^^^
fn look(n: u32) -> u32 {
    n
}

fn main() {}
