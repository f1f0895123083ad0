use slipstream::prelude::*;

#[slipstream::main]
async fn main() -> Result<()> {
    let numbers = vec![1_u32, 2];

    #[handle(source = numbers, sink = [print])]
//~                   ^^^^^^^
    fn look(n: u32) -> u32 {
        n
    }
    slipstream::run().await
}
