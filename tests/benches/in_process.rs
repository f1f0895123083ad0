//! In-process path.
fn main() {}
