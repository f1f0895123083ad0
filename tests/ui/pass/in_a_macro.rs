//! Handlers that a macro of the user's writes, with a type that it was given.

use slipstream::prelude::*;

macro_rules! shows {
    ($name:ident, $number:ty) => {
        #[handle(source = 0..3_i64, sink = [print])]
        fn $name(n: $number) -> i64 {
            n.to_owned()
        }
    };
}

shows!(lent, &i64);
shows!(given, i64);

fn main() {}
