use slipstream::prelude::*;

async fn numbers() -> Vec<u32> {
    vec![1, 2]
}

#[handle(source = numbers, sink = [print])]
//~               ^^^^^^^
fn look(n: u32) -> u32 {
    n
}

fn main() {}
