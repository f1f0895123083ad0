use slipstream::prelude::*;

#[handle(source = 0..3_u32, sink = [print])]
fn look(n: u32) -> impl Future<Output = u32> {
//~                ^^^^^^^^^^^^^^^^^^^^^^^^^
    std::future::ready(n)
}

fn main() {}
