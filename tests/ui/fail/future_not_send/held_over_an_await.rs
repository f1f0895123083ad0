use slipstream::prelude::*;
use std::rc::Rc;

#[handle(source = 0..3_u32, sink = [print])]
async fn look(n: u32) -> u32 {
//~      ^^^^
    let held = Rc::new(n);
    std::future::ready(()).await;
    *held
}

fn main() {}
