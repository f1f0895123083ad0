//! A buffer that each thread keeps, so that a look-up needs no allocation.

use std::cell::Cell;

thread_local! {
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// What is kept for the next use, in bytes; larger ones go.
const KEPT_BYTES: usize = 64 * 1024;

/// Fills a buffer and runs with it. What runs may do the same.
pub(super) fn with_bytes<T>(fill: impl FnOnce(&mut Vec<u8>), run: impl FnOnce(&[u8]) -> T) -> T {
    let mut bytes = SCRATCH.take();
    bytes.clear();
    fill(&mut bytes);
    let done = run(&bytes);
    if bytes.capacity() <= KEPT_BYTES {
        SCRATCH.set(bytes);
    }
    done
}
