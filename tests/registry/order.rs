//! Handlers run in the order of their modules, files and lines, whatever order the linker left them in.

#![allow(clippy::expect_used)] // it is a test

mod zebra {
    use slipstream::prelude::*;

    #[handle(source = 0..1_u32)]
    fn last(_n: u32) {}
}

mod apple {
    use slipstream::prelude::*;

    #[handle(source = 0..1_u32)]
    fn third(_n: u32) {}

    pub(crate) mod core {
        use slipstream::prelude::*;

        #[handle(source = 0..1_u32)]
        fn fourth(_n: u32) {}
    }

    #[handle(source = 0..1_u32, name = "renamed")]
    fn a_name_changes_nothing(_n: u32) {}
}

use slipstream::App;
use slipstream::prelude::*;

#[handle(source = 0..1_u32)]
fn zz_first(_n: u32) {}

#[handle(source = 0..1_u32)]
fn aa_second(_n: u32) {}

async fn names() -> Vec<String> {
    let running = App::collected().start().await.expect("it starts");
    running.wait().await.expect("it ends well");
    running.assert_conserved();
    running.report().messages.into_iter().map(|counts| counts.handler).collect()
}

#[tokio::test]
async fn sorted_by_module_file_and_line() {
    let expected = ["zz_first", "aa_second", "third", "renamed", "fourth", "last"];
    assert_eq!(names().await, expected);
}

#[tokio::test]
async fn the_same_each_time() {
    assert_eq!(names().await, names().await);
}
