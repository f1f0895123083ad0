//! A library's handlers are registered if the library is linked at all; from a private module too.

#![allow(clippy::expect_used)] // it is a test

use handlers_lib as _;
use slipstream::App;

#[tokio::test]
async fn linked_by_an_underscore() {
    let running = App::collected().start().await.expect("it starts");
    running.wait().await.expect("it ends well");
    let report = running.report();
    assert_eq!(report.messages.len(), 1, "{report:?}");
    assert_eq!(report.handler("from_a_library").done, 3);
}
