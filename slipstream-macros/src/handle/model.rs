//! A handler, as the attribute and the signature say it.

use proc_macro2::{Span, TokenStream};
use syn::{Expr, Ident, Path, Type};

/// What the attribute says, unchecked.
#[derive(Default)]
pub(super) struct Options {
    pub(super) source: Option<Value>,
    pub(super) pipe: Option<Value>,
    pub(super) sink: Option<Value>,
    pub(super) name: Option<Value>,
    pub(super) key: Option<Value>,
    pub(super) buffer: Option<Value>,
    pub(super) concurrency: Option<Value>,
    pub(super) lanes: Option<Value>,
    pub(super) on_error: Option<Value>,
    pub(super) timeout: Option<Value>,
    pub(super) after: Option<Value>,
    pub(super) before: Option<Value>,
    pub(super) time: Option<Value>,
    pub(super) library: Option<Path>,
}

/// The value of an option, and where its key is.
pub(super) struct Value {
    pub(super) key: Ident,
    pub(super) expr: Expr,
}

/// A handler that can be written out.
pub(super) struct Handler {
    /// How the names of what is written resolve.
    pub(super) home: Span,
    pub(super) library: Path,
    pub(super) function: Ident,
    pub(super) is_async: bool,
    pub(super) name: Option<Expr>,
    pub(super) sources: Vec<Source>,
    pub(super) pipes: Vec<Element>,
    pub(super) arguments: Vec<Argument>,
    /// Where an error of the return type is shown.
    pub(super) returns: Span,
    pub(super) sinks: Vec<Element>,
    /// The `[..]` of the sinks.
    pub(super) sink_list: Span,
    pub(super) on_error: Option<Expr>,
    pub(super) timeout: Option<Expr>,
    pub(super) buffer: Option<Expr>,
    pub(super) concurrency: Option<Expr>,
    /// Whether it has a lane for each partition.
    pub(super) by_partition: bool,
    pub(super) key: Option<Expr>,
    /// The checkpoints that it is the dependent of, and those that it beats for.
    pub(super) after: Vec<Element>,
    pub(super) before: Vec<Element>,
    /// The event time of a message, for these.
    pub(super) time: Option<Expr>,
}

impl Handler {
    /// Whether it is bound to a checkpoint.
    pub(super) fn is_bound(&self) -> bool {
        !(self.after.is_empty() && self.before.is_empty())
    }

    /// Whether the policy makes calls again.
    pub(super) fn retries(&self) -> bool {
        self.on_error.as_ref().is_some_and(|policy| names(policy, "retry"))
    }

    /// Whether the policy ends in a dead-letter topic.
    pub(super) fn buries(&self) -> bool {
        self.on_error.as_ref().is_some_and(|policy| names(policy, "dead_letter"))
    }
}

/// Whether a word is among the tokens of an expression.
fn names(expr: &Expr, word: &str) -> bool {
    fn within(tokens: TokenStream, word: &str) -> bool {
        tokens.into_iter().any(|token| match token {
            proc_macro2::TokenTree::Ident(ident) => ident == word,
            proc_macro2::TokenTree::Group(group) => within(group.stream(), word),
            _ => false,
        })
    }
    within(quote::ToTokens::to_token_stream(expr), word)
}

/// One source.
pub(super) struct Source {
    pub(super) expr: Expr,
    /// A path is shared, anything else is private.
    pub(super) shared: bool,
    pub(super) span: Span,
}

/// One pipe or sink.
pub(super) struct Element {
    pub(super) expr: Expr,
    pub(super) kind: Kind,
    /// The naming token: all that is written for this element has its span, so that its errors stand under it, once.
    pub(super) span: Span,
    pub(super) name: String,
}

/// What an element is, as far as its tokens say.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The path of a static, by its upper-case name.
    Static,
    /// Any other path.
    Path,
    /// A closure whose argument has no written type.
    OpenClosure,
    /// Anything else: a call, or a closure with a written type.
    Made,
}

/// One argument of the fn.
pub(super) struct Argument {
    pub(super) local: Ident,
    pub(super) ty: Type,
    pub(super) span: Span,
    pub(super) by: By,
}

/// How an argument is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Value,
    Reference,
}

/// Whether a type is one of those that are taken beside the message. A rename only costs a copy.
pub(super) fn is_beside(ty: &Type) -> bool {
    const BESIDE: [&str; 6] = ["State", "Key", "EventTime", "Headers", "Downtime", "Ctx"];
    let Type::Path(path) = ty else { return false };
    path.path.segments.last().is_some_and(|segment| BESIDE.iter().any(|name| segment.ident == name))
}
