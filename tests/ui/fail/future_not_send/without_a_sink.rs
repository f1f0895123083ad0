use slipstream::prelude::*;
use std::rc::Rc;

#[handle(source = 0..3_u32)]
async fn look(n: &u32) {
//~      ^^^^
    let held = Rc::new(n);
    std::future::ready(()).await;
    drop(held);
}

fn main() {}
