//! A program in which the library has another name: both attributes are told it by `crate = ..`.

use slip::prelude::*;

fn keep(_pair: (u32, u32)) {}

#[handle(crate = slip, source = 0..3_u32, pipe = [pairwise], sink = [print, keep], on_error = skip)]
fn pairs(pair: (u32, u32)) -> (u32, u32) {
    pair
}

#[slip::main(crate = slip)]
async fn main() -> slip::Result<()> {
    slip::run().await
}

#[cfg(test)]
mod tests {
    use slip::App;

    #[tokio::test]
    async fn registered_under_the_other_name() -> slip::Result<()> {
        let running = App::collected().start().await?;
        running.wait().await?;
        assert_eq!(running.report().sink("pairs", "keep").delivered, 2);
        Ok(())
    }
}
