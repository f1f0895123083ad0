//! Errors of the macro: the fn is there all the same, and all errors are said at once.

use super::expanded;
use expect_test::expect;

#[test]
fn a_wrong_attribute_leaves_the_fn() {
    let all = expanded("sorce = timer, sink = [3], sink = [print]", "fn tick(now: u64) -> u64 { now }");
    expect![[r#"
        fn tick(now: u64) -> u64 {
            now
        }
        ::core::compile_error! {
            "unknown key `sorce`, did you mean `source`?"
        }
        ::core::compile_error! {
            "`sink` is given twice"
        }
        ::core::compile_error! {
            "this is not a sink: a sink is a static `Topic`, `Cache` or `Channel`, `print`, or a function of one argument"
        }
    "#]].assert_eq(&all);
}

#[test]
fn a_wrong_fn_is_left_too() {
    let all = expanded("source = timer, sink = [print]", "unsafe fn tick<T>(now: &mut T) {}");
    expect![[r#"
        unsafe fn tick<T>(now: &mut T) {}
        ::core::compile_error! {
            "`tick` is generic, and a handler has one type of message: write the types out"
        }
        ::core::compile_error! {
            "`tick` is unsafe, and a handler is called by the library: make it safe"
        }
        ::core::compile_error! {
            "a message is taken by value or by `&`, not by `&mut`"
        }
        ::core::compile_error! {
            "`tick` returns nothing, so it has nothing to send to a sink"
        }
    "#]]
    .assert_eq(&all);
}

#[test]
fn something_else_is_left_as_it_is() {
    let all = expanded("source = timer", "struct Tick;");
    expect![[r#"
        struct Tick;
        ::core::compile_error! {
            "`#[handle]` goes on a fn"
        }
    "#]]
    .assert_eq(&all);
}
