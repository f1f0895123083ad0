use slipstream::prelude::*;

#[handle(source = 0..3_u32, sink = [print])]
fn look(at: EventTime) -> String {
//~         ^^^^^^^^^
    at.0.to_rfc3339()
}

fn main() {}
