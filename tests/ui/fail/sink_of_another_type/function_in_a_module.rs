use slipstream::prelude::*;

mod stores {
    pub async fn keep(_text: String) -> slipstream::Result<()> {
        Ok(())
    }
}

#[handle(source = 0..3_u32, sink = [stores::keep])]
//~                                         ^^^^
fn look(n: u32) -> u32 {
    n
}

fn main() {}
