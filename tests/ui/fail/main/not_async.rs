use slipstream::prelude::*;

#[slipstream::main]
fn main() -> Result<()> {
//~ from 1 to 23
    Ok(())
}
