//! The recipe `joins` prints the same in each run.

#[allow(dead_code, clippy::print_stdout)] // its own `main`, and what it shows
#[path = "../../examples/joins.rs"]
mod example;
mod runs;

fn main() -> std::process::ExitCode {
    runs::main("joins", include_str!("../../examples/expected/joins.txt"))
}
