//! stub while the library is being put together
use proc_macro::TokenStream;
/// handle
#[proc_macro_attribute]
pub fn handle(_: TokenStream, item: TokenStream) -> TokenStream { item }
/// main
#[proc_macro_attribute]
pub fn main(_: TokenStream, item: TokenStream) -> TokenStream { item }
