//! The attribute's tokens as options; every fault is an error, and what can be read is kept.

use super::model::{Options, Value};
use crate::diag::Diag;
use proc_macro2::{TokenStream, TokenTree};
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::{Expr, Ident, Path, Token};

/// The keys, as errors list them.
const KEYS: [&str; 14] = [
    "source",
    "pipe",
    "sink",
    "name",
    "key",
    "buffer",
    "concurrency",
    "lanes",
    "on_error",
    "timeout",
    "after",
    "before",
    "time",
    "crate",
];

/// Reads the options.
pub(super) fn options(attribute: TokenStream, diag: &mut Diag) -> Options {
    let mut options = Options::default();
    let read = |input: ParseStream<'_>| {
        while !input.is_empty() {
            if let Err(error) = option(input, &mut options, diag) {
                diag.push(error);
                skip_to_comma(input);
            }
            if !input.is_empty() && input.parse::<Token![,]>().is_err() {
                diag.push(input.error("expected a `,` between options"));
                skip_to_comma(input);
                let _comma: Option<Token![,]> = input.parse().unwrap_or(None);
            }
        }
        Ok(())
    };
    if let Err(error) = read.parse2(attribute) {
        diag.push(error);
    }
    options
}

/// Reads one option.
fn option(input: ParseStream<'_>, options: &mut Options, diag: &mut Diag) -> syn::Result<()> {
    let listed = || KEYS.map(|key| format!("`{key}`")).join(", ");
    let key = Ident::parse_any(input).map_err(|error| {
        syn::Error::new(
            error.span(),
            format!("expected an option, `key = value`, with one of the keys {}", listed()),
        )
    })?;
    let name = key.to_string();
    if !KEYS.contains(&name.as_str()) {
        let near = KEYS.iter().map(|key| (strsim::damerau_levenshtein(&name, key), key)).min();
        let hint = match near {
            Some((distance, key)) if distance <= 2 => format!(", did you mean `{key}`?"),
            _ => format!("; the keys are {}", listed()),
        };
        return Err(syn::Error::new(key.span(), format!("unknown key `{name}`{hint}")));
    }
    if !input.peek(Token![=]) || input.peek(Token![==]) {
        return Err(syn::Error::new(key.span(), format!("`{name}` needs a value: `{name} = ..`")));
    }
    let equals: Token![=] = input.parse()?;
    if input.is_empty() || input.peek(Token![,]) {
        return Err(syn::Error::new_spanned(equals, format!("`{name}` needs a value: `{name} = ..`")));
    }
    if name == "crate" {
        let path = input.call(Path::parse_mod_style)?;
        twice(&key, options.library.replace(path).is_some(), diag);
        return Ok(());
    }
    let expr: Expr = input.parse()?;
    let place = match name.as_str() {
        "source" => &mut options.source,
        "pipe" => &mut options.pipe,
        "sink" => &mut options.sink,
        "name" => &mut options.name,
        "key" => &mut options.key,
        "buffer" => &mut options.buffer,
        "concurrency" => &mut options.concurrency,
        "lanes" => &mut options.lanes,
        "on_error" => &mut options.on_error,
        "after" => &mut options.after,
        "before" => &mut options.before,
        "time" => &mut options.time,
        _ => &mut options.timeout,
    };
    let value = Value { key, expr };
    match place {
        Some(_) => twice(&value.key, true, diag),
        None => *place = Some(value),
    }
    Ok(())
}

fn twice(key: &Ident, again: bool, diag: &mut Diag) {
    if again {
        diag.at(key, format!("`{key}` is given twice"));
    }
}

/// Passes over what cannot be read, up to the next option.
fn skip_to_comma(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) {
        if input.parse::<TokenTree>().is_err() {
            return;
        }
    }
}
