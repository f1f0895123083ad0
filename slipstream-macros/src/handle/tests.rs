//! The expansion as text, and what half-written attributes come to.
//!
//! The macro is a fn from tokens to tokens, so these tests need no compiler. `UPDATE_EXPECT=1 cargo test -p
//! slipstream-macros` rewrites the snapshots: read what changed as you would read code.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // they are tests

mod half_typed;
mod plain;
mod policies;
mod sinks;
mod wrong;

use expect_test::Expect;

/// What an annotated fn is replaced by, formatted.
fn expanded(attribute: &str, item: &str) -> String {
    let attribute = attribute.parse().expect("the attribute is tokens");
    let item = item.parse().expect("the item is tokens");
    let file = syn::parse2(super::expand(attribute, item)).expect("what is emitted is items");
    prettyplease::unparse(&file)
}

/// Compares the registration with a snapshot: the fn above it is as it was, and its end is always the same.
fn check(attribute: &str, item: &str, wire: Expect) {
    let all = expanded(attribute, item);
    let (before, rest) = all.split_once("const _: () = {\n").expect("a registration");
    let (_, rest) = rest.split_once("    fn __wire").expect("the wiring");
    let (body, _) = rest.split_once("\n    __rt::inventory::submit!").expect("the submission");
    let item: proc_macro2::TokenStream = item.parse().expect("the item is tokens");
    let file = syn::parse2(item).expect("the item is an item");
    assert!(before.starts_with(&prettyplease::unparse(&file)), "the fn was touched:\n{before}");
    wire.assert_eq(&format!("fn __wire{body}").replace("\n    ", "\n"));
}
