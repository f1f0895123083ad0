//! The protocol against a strict serial oracle: every step that ends must have done what it would have done alone, at the
//! moment of its end; every commit holds whole steps with their positions, and nothing else.

mod exhaustive;
mod faults;
mod random;
mod shuttled;
mod world;

/// Two kinds of tests set the process's panic hook: one at a time.
static HOOK: std::sync::Mutex<()> = std::sync::Mutex::new(());
