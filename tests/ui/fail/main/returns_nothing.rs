use slipstream::prelude::*;

#[slipstream::main]
async fn main() {
//~      ^^^^
    slipstream::run().await.ok();
}
