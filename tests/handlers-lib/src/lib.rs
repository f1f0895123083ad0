//! Handlers in a library crate: registered if the crate is linked at all, from private modules too.

mod hidden {
    use slipstream::prelude::*;

    #[handle(source = 0..3_u32)]
    fn from_a_library(_n: u32) {}
}
