//! What programs and benchmarks of this package share; the tests are in `it`, `ui`, `kafka` and `registry`.

#[cfg(feature = "kafka")]
pub mod raw;
