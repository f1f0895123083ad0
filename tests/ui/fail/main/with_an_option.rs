use slipstream::prelude::*;

#[slipstream::main(threads = 4)]
//~                ^^^^^^^
async fn main() -> Result<()> {
    slipstream::run().await
}
