//! UI tests.
fn main() {}
