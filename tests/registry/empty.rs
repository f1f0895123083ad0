//! A binary without handlers is told what to do, and ends with exit code 2.

#![allow(clippy::expect_used)] // it is a test

use slipstream::ErrorKind;

#[tokio::test]
async fn no_handlers_is_a_preflight_error_that_names_the_fix() {
    let error = slipstream::run().await.expect_err("there is nothing to run");
    assert_eq!(error.kind(), ErrorKind::Preflight);
    assert_eq!(error.exit_code(), 2);
    let text = error.to_string();
    assert!(text.contains("there are no handlers"), "{text}");
    assert!(text.contains("use that_crate as _;"), "{text}");
}
