//! A handler within a fn is registered, though nobody calls the fn.

#![allow(clippy::expect_used)] // it is a test

use slipstream::App;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

static SEEN: AtomicU32 = AtomicU32::new(0);

#[allow(dead_code)] // that is the point
fn never_called() {
    use slipstream::prelude::*;

    fn numbers() -> std::ops::Range<u32> {
        0..4
    }

    fn keep(n: u32) {
        SEEN.fetch_add(n, Relaxed);
    }

    #[handle(source = numbers, sink = [keep])]
    fn within(n: u32) -> u32 {
        n
    }
}

#[tokio::test]
async fn registered_all_the_same() {
    let running = App::collected().start().await.expect("it starts");
    running.wait().await.expect("it ends well");
    assert_eq!(running.report().handler("within").done, 4);
    assert_eq!(SEEN.load(Relaxed), 6);
}
