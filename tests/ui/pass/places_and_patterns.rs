//! Handlers in modules, fns and generic fns; raw identifiers, patterns and aliases.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unreachable_pub, rust_2018_idioms)]

use slipstream::BoxError;
use slipstream::prelude::*;
use slipstream::testing::{Input, Output};

/// An alias of what a handler may return.
type Counted = std::result::Result<Option<(String, u64)>, BoxError>;
/// An alias of nothing.
type Nil = ();

struct Point {
    x: u32,
    y: u32,
}

#[derive(Clone, Debug)]
struct Order(u32, String);

static IN: Input<u32> = Input::new("in");
static OUT: Output<(String, u64)> = Output::new("out");
static COUNTS: Cache<String, u64> = Cache::new("counts");
static WORDS: Topic<String, u64> = Topic::new("words");
static r#TYPES: Topic<Option<String>, u64> = Topic::new("types");

fn points() -> Vec<Point> {
    vec![Point { x: 1, y: 2 }]
}

fn orders() -> std::vec::IntoIter<Order> {
    vec![Order(1, "one".to_owned())].into_iter()
}

#[handle(source = points, sink = [print])]
fn destructured(Point { x, y }: Point) -> u32 {
    x + y
}

#[handle(source = orders, sink = [print])]
fn in_part(Order(id, _): &Order) -> u32 {
    *id
}

#[handle(source = orders, sink = [print])]
fn second_part(order: &Order) -> String {
    order.1.clone()
}

#[handle(source = orders)]
fn mutable(mut order: Order) -> Nil {
    order.0 += 1;
    drop(order);
}

#[handle(source = 0..3_u32, sink = [r#match, drop])]
fn r#type(r#fn: u32) -> u32 {
    r#fn
}

fn r#match(_n: u32) {}

#[handle(source = IN, sink = [OUT, COUNTS, WORDS, r#TYPES_OF_ALL], timeout = secs(1), name = "an alias")]
async fn aliased(_: u32) -> Counted {
    Ok(None)
}

static r#TYPES_OF_ALL: Topic<String, u64> = Topic::new("all");

#[handle(source = WORDS, sink = [TYPES], on_error = retry(2, fixed(millis(5))).then(skip), buffer = 8)]
async fn keyless(n: u64) -> Result<(Option<String>, u64)> {
    Ok((None, n))
}

#[handle(source = WORDS, sink = [r#TYPES_OF_ALL])]
fn whole(record: Record<String, u64>) -> Record<String, u64> {
    record
}

#[handle(source = WORDS)]
fn pair((_word, _n): (String, u64), _by: State<String>) {}

#[handle(source = &WORDS, pipe = &pairwise, sink = print)]
fn without_brackets((a, b): (Record<String, u64>, Record<String, u64>)) -> u64 {
    a.value + b.value
}

#[handle(source = ["a", "b"].into_iter().cycle().take(3), sink = [|word| keep(word), |word: &'static str| keep(word)])]
fn chained(word: &'static str) -> &'static str {
    word
}

fn keep(_word: &str) {}

mod deep {
    pub(crate) mod er {
        use slipstream::prelude::*;

        #[handle(source = super::super::points, sink = [super::keep])]
        fn far(point: super::super::Point) -> u32 {
            point.x
        }

        #[handle(source = crate::points, sink = [crate::deep::keep])]
        fn farther(point: crate::Point) -> u32 {
            point.y
        }
    }

    async fn keep(_n: u32) -> std::result::Result<(), String> {
        Ok(())
    }
}

fn generic<T: Send>(_: T) {
    const LIMIT: u32 = 3;

    #[handle(source = 0..LIMIT, sink = [within])]
    fn look(n: u32) -> u32 {
        n
    }

    fn within(_n: u32) {}
}

fn main() {
    generic(1);
}
