use slipstream::prelude::*;
use std::pin::Pin;

#[handle(source = 0..3_u32, sink = [print])]
fn look(n: u32) -> Pin<Box<dyn Future<Output = u32> + Send>> {
//~                ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    Box::pin(std::future::ready(n))
}

fn main() {}
