//! The attributes of slipstream: `#[handle]` registers a fn as a handler, `#[main]` runs a program.
//!
//! Tokens are parsed into a model, the model is checked, and what is written out are calls of the library's
//! `__private`: behaviour is in ordinary Rust there, not here.

mod diag;
mod handle;
mod input;
mod main_fn;

use proc_macro::TokenStream;

/// Makes a fn a handler: it is called with every message of its source, and what it returns goes to its sinks.
///
/// The fn stays as it is, and can be called as before. The options, of which only `source` is needed:
///
/// | option | what it is |
/// |---|---|
/// | `source = S` | a stream, an iterator, a fn that returns one, or a static `Topic`, `Cache` or `Channel`. A path is shared by all handlers that name it, any other expression is private. `[A, B]`: several; a list of literals is an iterator |
/// | `pipe = [P, ..]` | functions from a stream to a stream, from left to right |
/// | `sink = [S, ..]` | static `Topic`s, `Cache`s and `Channel`s, `print`, and functions of one argument |
/// | `name = ".."` | the handler's name in positions, counts and errors; the fn's name if not said |
/// | `on_error = ..` | `stop` (if not said), `skip`, `retry(n, backoff)`, `dead_letter(&TOPIC)`; `retry(..).then(..)` |
/// | `buffer = n` | the handler may run up to `n` messages behind the others of its source |
/// | `concurrency = n` | up to `n` messages at once, in order for each key |
/// | `key = \|m\| ..` | what `concurrency` goes by, where the message is no record |
/// | `lanes = partitions` | of a topic: a lane for each partition, side by side, in order for each, with a pipe of its own |
/// | `after = [C, ..]` | checkpoints that are asked before each call whether all is well: the handler's source waits while it is not |
/// | `before = [C, ..]` | checkpoints that are told before each call how far this stream is; of several dependencies, `C.dependency("name")` |
/// | `time = \|m\| ..` | the event time of a message, for `after` and `before`; if not said, that of the record |
/// | `timeout = d` | how long a call may take, as a `Duration` |
/// | `crate = path` | what the library is called here, if not `::slipstream` |
///
/// ```
/// use slipstream::prelude::*;
///
/// #[handle(source = 1..4_u32, pipe = [accumulate], sink = [print], on_error = skip)]
/// fn halve(sum: u32) -> Result<u32> {
///     if sum % 2 == 0 { Ok(sum / 2) } else { Err(Error::msg("it is odd")) }
/// }
/// assert_eq!(halve(6).unwrap(), 3);
/// ```
#[proc_macro_attribute]
pub fn handle(attribute: TokenStream, item: TokenStream) -> TokenStream {
    handle::expand(attribute.into(), item.into()).into()
}

/// Runs an async `main` on tokio, shows what the library logs, and ends with exit code 0, 1 (failed) or 2 (the wiring
/// cannot run). `main` returns a `Result<(), E>` whose `E` is `slipstream::Error` or any standard error; the option
/// `crate = path` says what the library is called here, if not `::slipstream`.
///
/// The program has a command line: `run`, which is what it does without a word; `plan` and `check`, which look at the
/// first app that it starts instead of running it; settings as `--app.id=quakes`; `--help`. Other words are refused,
/// unless `main` takes them: `async fn main(words: Vec<String>)`.
///
/// ```
/// #[slipstream::main]
/// async fn main() -> std::io::Result<()> {
///     Ok(())
/// }
/// ```
#[proc_macro_attribute]
pub fn main(attribute: TokenStream, item: TokenStream) -> TokenStream {
    main_fn::expand(attribute.into(), item.into()).into()
}
