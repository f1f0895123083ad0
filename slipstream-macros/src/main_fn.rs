//! `#[slipstream::main]`: the async fn inside of a plain one.

use crate::input::Fn;
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::parse::Parser;
use syn::{Ident, Path, Token};

/// What the attribute is replaced by.
pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> TokenStream {
    match try_expand(attribute, item.clone()) {
        Ok(tokens) => tokens,
        Err(error) => {
            let error = error.to_compile_error();
            // An async `main` would be a second error, and so would none.
            match syn::parse2::<Fn>(item.clone()) {
                Ok(function) if function.signature.ident == "main" => {
                    quote!(#error fn main() { #[allow(dead_code)] #item })
                }
                _ => quote!(#error #item),
            }
        }
    }
}

fn try_expand(attribute: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let library = library.parse2(attribute)?;
    let inner: Fn = syn::parse2(item)?;
    let signature = &inner.signature;
    let takes_words = !signature.inputs.is_empty();
    if signature.ident != "main" || signature.asyncness.is_none() || signature.inputs.len() > 1 {
        let message = "`#[slipstream::main]` goes on `async fn main() -> slipstream::Result<()>`; it may take a `Vec<String>`";
        return Err(syn::Error::new_spanned(signature, message));
    }
    let syn::ReturnType::Type(_, returned) = &signature.output else {
        let message = "a program ends well or fails: write `async fn main() -> slipstream::Result<()>`";
        return Err(syn::Error::new_spanned(&signature.ident, message));
    };
    // What is wrong with the type is shown under it.
    let span = syn::spanned::Spanned::span(returned);
    let run = if takes_words {
        quote_spanned!(span=> #library::__private::main_with_words(main))
    } else {
        quote_spanned!(span=> #library::__private::main(main()))
    };
    Ok(quote! {
        fn main() -> ::std::process::ExitCode {
            #inner
            #run
        }
    })
}

/// `crate = path`, if the library is not called `::slipstream` here.
fn library(input: syn::parse::ParseStream<'_>) -> syn::Result<Path> {
    if input.is_empty() {
        return Ok(syn::parse_quote!(::slipstream));
    }
    input
        .parse::<Token![crate]>()
        .map_err(|error| syn::Error::new(error.span(), "the only option is `crate = path`"))?;
    input.parse::<Token![=]>()?;
    let path = input.call(Path::parse_mod_style)?;
    let _trailing: Option<Token![,]> = input.parse()?;
    let rest: Option<Ident> = input.parse()?;
    match rest {
        Some(rest) => Err(syn::Error::new_spanned(rest, "the only option is `crate = path`")),
        None => Ok(path),
    }
}
