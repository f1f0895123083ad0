//! A dependency that nobody names is not linked, and so are its handlers not.
//!
//! The package depends on `handlers-lib`; this binary does not name it.

#![allow(clippy::expect_used)] // it is a test

use slipstream::App;

#[tokio::test]
async fn not_linked_unless_named() {
    let error = App::collected().run().await.expect_err("the library's handler is not there");
    assert!(error.to_string().contains("there are no handlers"), "{error}");
}
