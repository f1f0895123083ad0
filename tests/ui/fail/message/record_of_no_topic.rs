use slipstream::prelude::*;

#[handle(source = 0..3_u32, sink = [print])]
fn look(record: Record<String, u32>) -> u32 {
//~             ^^^^^^^^^^^^^^^^^^^
    record.value
}

fn main() {}
