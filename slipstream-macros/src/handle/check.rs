//! What a handler must be, so far as tokens say: each rule is a small fn with its message.

use super::model::{Argument, By, Element, Handler, Kind, Options, Source, Value, is_beside};
use crate::diag::Diag;
use crate::input::Fn;
use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens as _, format_ident};
use syn::spanned::Spanned as _;
use syn::{Expr, FnArg, Ident, Lit, Pat, ReturnType, Safety, Type};

/// Puts a handler together; `None` if too much is missing.
pub(super) fn handler(options: Options, function: &Fn, diag: &mut Diag) -> Option<Handler> {
    let signature = &function.signature;
    // All that is written resolves as the attribute's own tokens do, also where some of them came through a macro.
    let home = options.source.as_ref().map_or_else(Span::call_site, |value| value.key.span());
    free_and_plain(function, diag);
    let arguments = arguments(function, home, diag);
    let sinks = options.sink.as_ref().map(|value| elements(value, "sink", home, diag)).unwrap_or_default();
    let sink_list = options.sink.as_ref().map_or(home, |value| list_span(&value.expr).resolved_at(home));
    if !sinks.is_empty() {
        returns_something(function, sinks[0].span, diag);
    }
    sinks.iter().for_each(|sink| can_be_sink(sink, diag));
    let pipes = options.pipe.as_ref().map(|value| elements(value, "pipe", home, diag)).unwrap_or_default();
    if let Some(name) = &options.name {
        is_name(name, diag);
    }
    if let Some(lanes) = &options.lanes {
        lanes_are_partitions(lanes, options.concurrency.as_ref(), diag);
    }
    if let (Some(key), None) = (&options.key, &options.concurrency) {
        diag.at(&key.key, "`key` is what `concurrency` goes by, and there is no `concurrency`");
    }
    if let (Some(time), None, None) = (&options.time, &options.after, &options.before) {
        diag.at(&time.key, "`time` is what `after` and `before` go by, and there is neither");
    }
    let mut checkpoints =
        |value: &Option<Value>| value.as_ref().map(|value| elements(value, "checkpoint", home, diag));
    let (after, before) = (checkpoints(&options.after), checkpoints(&options.before));
    let sources = sources(options.source.as_ref(), diag);
    for option in [&options.concurrency, &options.lanes, &options.after]
        .into_iter()
        .flatten()
        .filter(|_| sources.len() > 1)
    {
        let key = &option.key;
        diag.at(key, format!("`{key}` needs one source; merge them by a handler that sends to a topic"));
    }
    if sources.is_empty() {
        return None;
    }
    let returns = match &signature.output {
        ReturnType::Default => signature.ident.span(),
        ReturnType::Type(_, ty) => naming_span(&ty.to_token_stream()),
    };
    let returns = returns.resolved_at(home);
    let expr = |value: Option<Value>| value.map(|value| value.expr);
    Some(Handler {
        home,
        library: options.library.unwrap_or_else(|| syn::parse_quote!(::slipstream)),
        function: signature.ident.clone(),
        is_async: signature.asyncness.is_some(),
        name: expr(options.name),
        sources,
        pipes,
        arguments,
        returns,
        sinks,
        sink_list,
        on_error: expr(options.on_error),
        timeout: expr(options.timeout),
        buffer: expr(options.buffer),
        concurrency: expr(options.concurrency),
        by_partition: options.lanes.is_some(),
        key: expr(options.key),
        after: after.unwrap_or_default(),
        before: before.unwrap_or_default(),
        time: expr(options.time),
    })
}

/// What to say of an item that is no fn; nothing if it is a fn that the compiler will complain about.
pub(super) fn not_a_fn(item: &TokenStream) -> Option<&'static str> {
    let is_fn = item.clone().into_iter().any(|token| matches!(token, TokenTree::Ident(word) if word == "fn"));
    (!is_fn).then_some("`#[handle]` goes on a fn")
}

fn free_and_plain(function: &Fn, diag: &mut Diag) {
    let signature = &function.signature;
    let name = &signature.ident;
    if let Some(FnArg::Receiver(receiver)) = signature.inputs.first() {
        diag.at(receiver, format!("`#[handle]` goes on a free fn; move `{name}` out of the impl"));
    }
    if signature.generics.type_params().next().is_some() || signature.generics.const_params().next().is_some()
    {
        diag.at(
            &signature.generics,
            format!("`{name}` is generic, and a handler has one type of message: write the types out"),
        );
    }
    if let Safety::Unsafe(word) = &signature.safety {
        diag.at(word, format!("`{name}` is unsafe, and a handler is called by the library: make it safe"));
    }
    if let Some(variadic) = &signature.variadic {
        diag.at(variadic, "a handler has a fixed number of arguments");
    }
    let ReturnType::Type(_, ty) = &signature.output else { return };
    if signature.asyncness.is_none() && names(ty.to_token_stream(), "Future") {
        diag.at(ty, format!("`{name}` returns a future: write `async fn {name}` instead"));
    }
}

/// Whether a word is among these tokens.
fn names(tokens: TokenStream, word: &str) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == word,
        TokenTree::Group(group) => names(group.stream(), word),
        _ => false,
    })
}

fn returns_something(function: &Fn, sink: Span, diag: &mut Diag) {
    let nothing = match &function.signature.output {
        ReturnType::Default => true,
        ReturnType::Type(_, ty) => matches!(&**ty, Type::Tuple(tuple) if tuple.elems.is_empty()),
    };
    if nothing {
        let name = &function.signature.ident;
        diag.span(sink, format!("`{name}` returns nothing, so it has nothing to send to a sink"));
    }
}

fn arguments(function: &Fn, home: Span, diag: &mut Diag) -> Vec<Argument> {
    let mut arguments: Vec<Argument> = Vec::new();
    for (index, input) in function.signature.inputs.iter().enumerate() {
        let FnArg::Typed(input) = input else { continue };
        if names(input.ty.to_token_stream(), "impl") {
            diag.at(&input.ty, "a handler's arguments have written types: it is generic by `impl ..`");
            continue;
        }
        let mut written = &*input.ty;
        // What a macro of the user's was given as a type stands in a group that nobody sees.
        while let Type::Group(group) = written {
            written = &group.elem;
        }
        let (ty, by) = match written {
            Type::Reference(reference) if reference.mutability.is_some() => {
                diag.at(&input.ty, "a message is taken by value or by `&`, not by `&mut`");
                continue;
            }
            Type::Reference(reference) if is_beside(&reference.elem) => {
                diag.at(&input.ty, "what stands beside the message is taken by value, not by `&`");
                continue;
            }
            Type::Reference(reference)
                if reference.lifetime.as_ref().is_none_or(|name| name.ident != "static") =>
            {
                ((*reference.elem).clone(), By::Reference)
            }
            ty => (ty.clone(), By::Value),
        };
        if by == By::Reference && arguments.iter().any(|argument| argument.by == By::Reference) {
            diag.at(
                &input.ty,
                "a handler takes one message, and another argument already is it; several at once are a pipe's \
                 work, such as `pairwise` or `chunks`",
            );
            continue;
        }
        let local = match &*input.pat {
            // What is still asked after it is bound must not go by its name.
            Pat::Ident(name) if !ASKED.contains(&&*plain(&name.ident)) => {
                format_ident!("__{}", plain(&name.ident))
            }
            _ => format_ident!("__argument_{index}"),
        };
        let span = naming_span(&ty.to_token_stream()).resolved_at(home);
        arguments.push(Argument { local: Ident::new(&local.to_string(), span), ty, span, by });
    }
    arguments
}

/// The locals that a call's other arguments and its sinks are made with, without their underscores.
const ASKED: [&str; 4] = ["message", "copy", "step", "rest"];

/// An identifier without `r#`.
fn plain(ident: &Ident) -> String {
    let text = ident.to_string();
    text.strip_prefix("r#").map_or(text.clone(), str::to_owned)
}

fn sources(value: Option<&Value>, diag: &mut Diag) -> Vec<Source> {
    let Some(value) = value else {
        if diag.is_empty() {
            diag.span(Span::call_site(), "a handler needs a source: `#[handle(source = ..)]`");
        }
        return Vec::new();
    };
    let exprs: Vec<Expr> = match &value.expr {
        Expr::Array(list) if list.elems.is_empty() => {
            diag.at(list, "a handler needs a source, and this list is empty");
            return Vec::new();
        }
        // A literal is no source: a list of them is an iterator.
        Expr::Array(list) if !list.elems.iter().all(is_literal) => list.elems.iter().cloned().collect(),
        expr => vec![expr.clone()],
    };
    for closure in exprs.iter().filter(|expr| matches!(expr, Expr::Closure(_))) {
        diag.at(closure, "a source is not a closure: write what it returns, or the name of a fn");
    }
    exprs.into_iter().map(|expr| source(expr, value.key.span())).collect()
}

fn is_literal(expr: &Expr) -> bool {
    match expr {
        Expr::Lit(_) => true,
        Expr::Unary(unary) => is_literal(&unary.expr),
        Expr::Tuple(tuple) => tuple.elems.iter().all(is_literal),
        Expr::Array(array) => array.elems.iter().all(is_literal),
        Expr::Group(group) => is_literal(&group.expr),
        _ => false,
    }
}

fn source(expr: Expr, home: Span) -> Source {
    // `&QUAKES` names the same static as `QUAKES`.
    let named = match &expr {
        Expr::Reference(reference) if matches!(*reference.expr, Expr::Path(_)) => (*reference.expr).clone(),
        other => other.clone(),
    };
    let shared = matches!(named, Expr::Path(_));
    Source { span: naming(&named).resolved_at(home), expr: named, shared }
}

fn elements(value: &Value, what: &str, home: Span, diag: &mut Diag) -> Vec<Element> {
    let exprs: Vec<Expr> = match &value.expr {
        Expr::Array(list) => list.elems.iter().cloned().collect(),
        expr => vec![expr.clone()],
    };
    let elements = exprs.into_iter().filter_map(|expr| element(expr, what, home, diag));
    elements.collect()
}

fn element(expr: Expr, what: &str, home: Span, diag: &mut Diag) -> Option<Element> {
    let expr = match expr {
        Expr::Reference(reference) if matches!(*reference.expr, Expr::Path(_)) => *reference.expr,
        Expr::Group(group) => *group.expr,
        Expr::Paren(paren) => *paren.expr,
        expr => expr,
    };
    let span = naming(&expr).resolved_at(home);
    let kind = match &expr {
        Expr::Path(path) => {
            let last = path.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
            let upper = last.chars().any(char::is_alphabetic) && !last.chars().any(char::is_lowercase);
            if upper { Kind::Static } else { Kind::Path }
        }
        Expr::Closure(closure) if closure.inputs.len() != 1 => {
            let message = match what {
                "pipe" => "a pipe takes one argument, the stream",
                _ => "a sink takes one argument: take a tuple",
            };
            diag.span(span, message);
            return None;
        }
        Expr::Closure(closure) if !matches!(closure.inputs[0], Pat::Type(_)) => Kind::OpenClosure,
        _ => Kind::Made,
    };
    let named = match &expr {
        Expr::Call(call) => &*call.func,
        expr => expr,
    };
    let name = match named {
        Expr::Path(path) => {
            path.path.segments.last().map(|segment| plain(&segment.ident)).unwrap_or_default()
        }
        _ => what.to_owned(),
    };
    if let (Expr::Call(call), "pipe") = (&expr, what) {
        waits_for_nothing(call, &name, diag);
    }
    Some(Element { expr, kind, span, name })
}

/// The pipes of ours whose closures say at once what comes of a message: what an async one returns is a future, which
/// nobody would wait for.
const AT_ONCE: [&str; 5] = ["map", "filter", "filter_map", "scan", "take_while"];

fn waits_for_nothing(call: &syn::ExprCall, name: &str, diag: &mut Diag) {
    if !AT_ONCE.contains(&name) {
        return;
    }
    let closures = call.args.iter().filter_map(|arg| match arg {
        Expr::Closure(closure) => closure.asyncness,
        _ => None,
    });
    for asyncness in closures {
        diag.at(
            &asyncness,
            format!(
                "the closure of `{name}` is not async: await in the handler, or in a function from a stream to a stream"
            ),
        );
    }
}

fn can_be_sink(sink: &Element, diag: &mut Diag) {
    if let Expr::Lit(literal) = &sink.expr {
        diag.at(
            literal,
            "this is not a sink: a sink is a static `Topic`, `Cache` or `Channel`, `print`, or a function of one argument",
        );
    }
}

fn lanes_are_partitions(lanes: &Value, concurrency: Option<&Value>, diag: &mut Diag) {
    match &lanes.expr {
        Expr::Path(path) if path.path.is_ident("partitions") => {}
        other => diag.at(
            other,
            "`lanes` is `lanes = partitions`, one for each partition of a topic; lanes by key are `concurrency = n`",
        ),
    }
    if concurrency.is_some() {
        diag.at(
            &lanes.key,
            "`lanes` and `concurrency` exclude each other: one is in order for each partition, one for each key",
        );
    }
}

fn is_name(value: &Value, diag: &mut Diag) {
    match &value.expr {
        Expr::Lit(literal) if matches!(&literal.lit, Lit::Str(text) if !text.value().is_empty()) => {}
        other => diag.at(other, "`name` is a string literal, such as `name = \"count\"`"),
    }
}

/// The span of a list, brackets and all.
fn list_span(expr: &Expr) -> Span {
    match expr {
        Expr::Array(list) => list.bracket_token.span.join(),
        expr => expr.span(),
    }
}

/// The token that names an expression: the last segment of a path, the fn of a call, the method of a chain, the `|` of a
/// closure.
fn naming(expr: &Expr) -> Span {
    match expr {
        Expr::Path(path) => {
            path.path.segments.last().map_or_else(Span::call_site, |segment| segment.ident.span())
        }
        Expr::Call(call) => naming(&call.func),
        Expr::MethodCall(call) => naming(&call.receiver),
        Expr::Closure(closure) => closure.inputs_begin.span,
        Expr::Reference(reference) => naming(&reference.expr),
        Expr::Group(group) => naming(&group.expr),
        Expr::Paren(paren) => naming(&paren.expr),
        expr => naming_span(&expr.to_token_stream()),
    }
}

/// The first token's span, or that of the whole group.
fn naming_span(tokens: &TokenStream) -> Span {
    tokens.clone().into_iter().next().map_or_else(Span::call_site, |token| token.span())
}
