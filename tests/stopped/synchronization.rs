//! The recipe `synchronization` prints the same in each run.

#[allow(dead_code)] // its own `main`
#[path = "../../examples/synchronization.rs"]
mod example;
mod runs;

fn main() -> std::process::ExitCode {
    runs::main("synchronization", include_str!("../../examples/expected/synchronization.txt"))
}
