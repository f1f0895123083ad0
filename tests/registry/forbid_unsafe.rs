//! Handlers in a crate that forbids unsafe code and takes every warning for an error.

#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]
#![allow(clippy::expect_used)] // it is a test

use slipstream::App;
use slipstream::prelude::*;

static SEEN: Topic<String, u32> = Topic::new("seen");

#[handle(source = 0..3_u32, pipe = [pairwise], sink = [print, SEEN], on_error = retry(2, fixed(millis(1))))]
async fn sums((a, b): (u32, u32)) -> Result<(String, u32)> {
    Ok((format!("{a}+{b}"), a + b))
}

#[tokio::test]
async fn registered_without_unsafe_code() {
    let memory = Config::new().set("kafka.bootstrap.servers", "memory");
    let running = App::collected().config(memory).start().await.expect("it starts");
    running.wait().await.expect("it ends well");
    running.assert_conserved();
    assert_eq!(running.report().sink("sums", "SEEN").delivered, 2);
}
