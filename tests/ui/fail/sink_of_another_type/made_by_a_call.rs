use slipstream::prelude::*;

fn tagged(tag: &'static str) -> impl Fn(String) {
    move |text| drop((tag, text))
}

#[handle(source = 0..3_u32, sink = [tagged("x")])]
//~                                 ^^^^^^^^^^^
fn look(n: u32) -> u32 {
    n
}

fn main() {}
