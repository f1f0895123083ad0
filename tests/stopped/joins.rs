//! The recipe `joins` prints the same in each run.

#[allow(dead_code)] // its own `main`
#[path = "../../examples/joins.rs"]
mod example;
mod runs;

fn main() -> std::process::ExitCode {
    runs::main("joins", include_str!("../../examples/expected/joins.txt"))
}
