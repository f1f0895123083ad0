use slipstream::prelude::*;

struct Plain;

static PLAIN: Channel<Plain> = Channel::new("plain");
//~                            ^^^^^^^^^^^^^^^^^^^^^

#[handle(source = 0..3_u32, sink = [PLAIN])]
fn plain(_: u32) -> Plain {
    Plain
}

fn main() {}
