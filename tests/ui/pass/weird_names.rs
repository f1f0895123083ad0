#![forbid(unsafe_code)]
#![deny(warnings)]
#![allow(dead_code, non_camel_case_types)]

//! A program whose names are those of the macro's output, of std and of the library.

extern crate slipstream as slip;

use slip::prelude::handle;

mod deep {
    pub mod er {
        pub fn numbers() -> impl Iterator<Item = u32> {
            0..3
        }

        pub fn keep(_n: u32) {}
    }
}

struct Ok;
struct Some;
struct None;
struct Err;
struct Box;
struct Option;
struct Result;
struct Step;
struct Lane;

fn send() {}
fn look() {}
fn copies() {}
fn out() {}
fn stop() {}
fn through() {}
fn argument() {}

#[handle(crate = ::slip, source = deep::er::numbers, sink = [deep::er::keep])]
fn r#match(r#type: u32) -> u32 {
    r#type
}

#[handle(crate = slip, source = [(1, "a"), (2, "b")], sink = [deep::er::keep], on_error = skip)]
async fn with_a_pattern((n, _text): (u32, &'static str)) -> u32 {
    n
}

#[handle(crate = slip, source = 0..3_u32, sink = [deep::er::keep])]
fn called_as_ours(step: u32, message: slip::Ctx) -> u32 {
    message.id();
    step
}

#[handle(crate = slip, source = 0..3_u32, sink = [deep::er::keep], on_error = skip)]
fn called_as_ours_by_reference(message: &u32, copy: slip::Ctx, rest: slip::Ctx) -> u32 {
    (copy.id(), rest.id());
    *message
}

#[handle(crate = slip, source = 0..3_u32, sink = [deep::er::keep])]
fn called_as_what_is_made_later(lane: u32, outputs: slip::Ctx, item: slip::Ctx) -> u32 {
    (outputs.id(), item.id());
    lane
}

fn never_called() {
    #[handle(crate = slip, source = 0..3_u32)]
    fn within(_n: u32) {}
}

fn main() {}
