//! `#[handle]`: parsed, checked and written out, a file each.

mod check;
mod expand;
mod model;
mod parse;
#[cfg(test)]
mod tests;

use crate::diag::Diag;
use crate::input::Fn;
use proc_macro2::TokenStream;
use quote::quote;

/// What the attribute is replaced by: the fn as it was, in any case, and the registration or the errors.
pub(crate) fn expand(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let mut diag = Diag::default();
    let options = parse::options(attribute, &mut diag);
    let generated = match syn::parse2::<Fn>(item.clone()) {
        Ok(function) => {
            let handler = check::handler(options, &function, &mut diag);
            handler.filter(|_| diag.is_empty()).map(|handler| expand::registration(&handler))
        }
        // The item is emitted, so that the compiler says what is wrong with it; but it may be fine and no fn.
        Err(_) => {
            if let Some(message) = check::not_a_fn(&item) {
                diag.at(&item, message);
            }
            None
        }
    };
    let errors = diag.into_tokens();
    quote!(#item #generated #errors)
}
