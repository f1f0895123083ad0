//! What programs and benchmarks of this package share; the tests are in `it`, `ui`, `kafka` and `registry`.

pub mod random;
pub mod ratios;
#[cfg(feature = "kafka")]
pub mod raw;
pub mod schedules;
