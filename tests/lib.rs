//! Nothing: the tests are in `it`, `ui` and `registry`, the benchmarks in `benches`.
