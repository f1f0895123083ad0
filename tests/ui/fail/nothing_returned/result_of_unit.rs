use slipstream::prelude::*;

#[handle(source = 0..3_u32, sink = [print])]
//~                                 ^^^^^
async fn look(_n: u32) -> Result<()> {
    Ok(())
}

fn main() {}
