use slipstream::prelude::*;
use std::rc::Rc;

async fn save(n: u32) {
    let held = Rc::new(n);
    std::future::ready(()).await;
    drop(held);
}

#[handle(source = 0..3_u32, sink = [save])]
//~                                 ^^^^
fn look(n: u32) -> u32 {
    n
}

fn main() {}
