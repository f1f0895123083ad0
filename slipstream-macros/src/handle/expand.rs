//! A checked handler as tokens. What is written should read as if a person had.
//!
//! All tokens that touch the type of an element carry the plain span of its naming token: then an error stands under
//! what the user wrote, and equal ones are shown once. That gives up hygiene, so that locals are called `__like_this`.

use super::model::{Argument, By, Element, Handler, Kind, Source, is_beside};
use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::Type;

/// The registration of a handler.
pub(super) fn registration(handler: &Handler) -> TokenStream {
    let Handler { library, function, .. } = handler;
    let name = handler.name.as_ref().map(|name| quote!(__wiring.named(#name);));
    let sinks = (!handler.sinks.is_empty()).then(|| {
        let names = handler.sinks.iter().map(|sink| &sink.name);
        quote!(__wiring.sinks(&[#(#names),*]);)
    });
    let pipes = (!handler.pipes.is_empty()).then(|| {
        let names = handler.pipes.iter().map(|pipe| &pipe.name);
        quote!(__wiring.pipes(&[#(#names),*]);)
    });
    let policy = handler.on_error.as_ref().map(|policy| {
        quote! {
            __wiring.on_error({
                #[allow(unused_imports)]
                use #library::policy::*;
                #[allow(unused_imports)]
                use #library::prelude::dead_letter;
                #policy
            });
        }
    });
    let timeout = handler.timeout.as_ref().map(|limit| {
        let span = syn::spanned::Spanned::span(limit).resolved_at(handler.home);
        quote_spanned!(span=> __wiring.timeout(#limit);)
    });
    let buffer = handler.buffer.as_ref().map(|size| {
        let span = syn::spanned::Spanned::span(size).resolved_at(handler.home);
        quote_spanned!(span=> __wiring.buffer(#size);)
    });
    let by_partition = handler.by_partition.then(|| quote!(__wiring.by_partition();));
    let declared =
        handler.sinks.iter().enumerate().filter(|(_, sink)| sink.kind == Kind::Static).map(|(at, sink)| {
            let (span, expr, mut at) = (sink.span, &sink.expr, Literal::usize_unsuffixed(at));
            at.set_span(span);
            quote_spanned!(span=> __rt::Declared(&#expr).declare(__wiring.sink(#at));)
        });
    let asked = handler.arguments.iter().filter(|argument| argument.by == By::Value).map(|argument| {
        let (span, ty) = (argument.span, &argument.ty);
        quote_spanned!(span=> __rt::Asks::<#ty>::of().ask(__wiring.needs());)
    });
    let bound =
        bound(handler, |_, name, checkpoint, span| quote_spanned!(span=> __wiring.#name(#checkpoint);));
    let lane = lane(handler);
    let text = function.to_string();
    quote! {
        #[allow(clippy::all, clippy::pedantic, unused_imports, unused_qualifications, non_snake_case)]
        const _: () = {
            use #library::__private as __rt;
            use __rt::levels::*;

            fn __wire(__wiring: &mut __rt::Wiring<'_>) {
                #name
                #pipes
                #sinks
                #policy
                #timeout
                #buffer
                #by_partition
                #(#bound)*
                #(#declared)*
                #(#asked)*
                #lane
            }

            __rt::inventory::submit! {
                __rt::Entry {
                    name: #text,
                    module: module_path!(),
                    file: file!(),
                    line: line!(),
                    column: column!(),
                    id: || __rt::id_of(&#function),
                    wire: __wire,
                }
            }
        };
    }
}

/// How the handler's messages come to it.
fn lane(handler: &Handler) -> TokenStream {
    let run = run(handler);
    let opened = |source: &Source| {
        let (span, expr) = (source.span, &source.expr);
        let opened = if source.shared {
            quote_spanned!(span=> __rt::shared(&#expr).untry().copied())
        } else {
            let text = quote!(#expr).to_string();
            quote_spanned!(span=> __rt::private(#text, || #expr).untry().copied())
        };
        if handler.by_partition { quote_spanned!(span=> __rt::of_partitions(#opened)) } else { opened }
    };
    if let [source] = handler.sources.as_slice() {
        let source = opened(source);
        if let Some(lanes) = &handler.concurrency {
            let (pipe, key) = (pipes(handler), key(handler));
            let span = lane_span(handler);
            return quote_spanned! {span=>
                __wiring.concurrent(#lanes, #source, #pipe, #key, #run);
            };
        }
        let span = lane_span(handler);
        if lends(handler) {
            return quote_spanned!(span=> __wiring.handle_lent(#source, #run););
        }
        let pipe = pipes(handler);
        return quote_spanned!(span=> __wiring.handle(#source, #pipe, #run););
    }
    let message = message(handler).map_or_else(|| quote!(()), |ty| quote!(#ty));
    let branches = handler.sources.iter().map(|source| {
        let (span, pipe) = (source.span, pipes(handler));
        let opened = opened(source);
        let convert = match message_argument(handler) {
            Some(_) => quote_spanned!(span=> |__item| __rt::mixed::<#message, _, _>(__item)),
            None => quote_spanned!(span=> |_| ()),
        };
        quote_spanned!(span=> __merge.source(#opened, #pipe, #convert);)
    });
    quote! {
        let mut __merge = __wiring.merge::<#message>();
        #(#branches)*
        __merge.handle(#run);
    }
}

/// Where an error of the lane as a whole is shown: what the last pipe returns goes through all of it; else the fn.
fn lane_span(handler: &Handler) -> proc_macro2::Span {
    let function = handler.function.span().resolved_at(handler.home);
    handler.pipes.last().map_or(function, |pipe| pipe.span)
}

/// The loop of the lane: one round for each call.
fn run(handler: &Handler) -> TokenStream {
    let copy = copy(handler);
    let buries = handler.on_error.as_ref().filter(|_| handler.buries()).map(|policy| {
        let span = syn::spanned::Spanned::span(policy).resolved_at(handler.home);
        quote_spanned!(span=> __lane.buries();)
    });
    let call = call(handler);
    let span = lane_span(handler);
    // A handler that looks at nothing of its message needs no name for it.
    let unseen = handler.arguments.is_empty() && !handler.is_bound();
    let message = if unseen { quote!(_) } else { quote!(__message) };
    quote_spanned! {span=>
        |mut __lane, __step| async move {
            #copy
            #buries
            while let __rt::Some(#message) = __lane.next().await? {
                #call
            }
            __rt::Ok(())
        }
    }
}

/// The flow through the pipes.
fn pipes(handler: &Handler) -> TokenStream {
    if handler.pipes.is_empty() {
        return quote!(|__flow| __flow);
    }
    let stages = handler.pipes.iter().map(|Element { expr, kind, span, .. }| match kind {
        Kind::OpenClosure => {
            quote_spanned!(*span=> let __flow = __rt::out(__rt::pipe_fn(__flow, #expr).staged());)
        }
        _ => quote_spanned!(*span=> let __flow = __rt::out(__rt::through(__flow, #expr).staged());),
    });
    quote!(|__flow| { #(#stages)* __flow })
}

/// How a message by value is copied where it may be needed again.
fn copy(handler: &Handler) -> Option<TokenStream> {
    let taken =
        handler.arguments.iter().find(|argument| argument.by == By::Value && !is_beside(&argument.ty));
    let by_reference = handler.arguments.iter().any(|argument| argument.by == By::Reference);
    match taken {
        Some(argument) if !by_reference && (handler.retries() || handler.buries()) => {
            let span = argument.span;
            Some(quote_spanned!(span=> let __copy = __rt::kept(&__lane);))
        }
        _ if by_reference || handler.arguments.is_empty() => None,
        _ => Some(quote!(let __copy = __rt::Copier::of(&__lane).copier();)),
    }
}

/// One call: the arguments, the fn, and its outputs to the sinks.
fn call(handler: &Handler) -> TokenStream {
    let function = &handler.function;
    let arguments = arguments(&handler.arguments);
    let locals = handler.arguments.iter().map(|argument| &argument.local);
    let wait = handler.is_async.then(|| quote!(.await));
    let span = handler.returns;
    let returned = quote_spanned!(span=>
        let mut __outputs = __rt::sendable(__rt::returned(#function(#(#locals),*)#wait).checked()?.outputs());
    );
    let sinks = sinks(handler);
    let checkpoints = checkpoints(handler);
    // What is returned may borrow from the message: it is gone before the step ends.
    quote! {
        #checkpoints
        let __sent = {
            #arguments
            #returned
            #sinks
            __outputs.sent()
        };
        __lane.end(__sent).await?;
    }
}

/// The checkpoints that the handler is bound to, each by something that is called with it.
fn bound(
    handler: &Handler,
    call: impl Fn(usize, Ident, TokenStream, proc_macro2::Span) -> TokenStream,
) -> Vec<TokenStream> {
    let after = handler.after.iter().map(|element| ("after", element));
    let all = after.chain(handler.before.iter().map(|element| ("before", element)));
    let bound = all.enumerate().map(|(at, (name, Element { expr, kind, span, .. }))| {
        let checkpoint = match kind {
            Kind::Static | Kind::Path => quote_spanned!(*span=> &#expr),
            Kind::OpenClosure | Kind::Made => quote!(#expr),
        };
        call(at, Ident::new(name, *span), checkpoint, *span)
    });
    bound.collect()
}

/// What checkpoints are told of a message before its call.
fn checkpoints(handler: &Handler) -> Option<TokenStream> {
    if !handler.is_bound() {
        return None;
    }
    let time = match &handler.time {
        Some(time) => {
            let span = syn::spanned::Spanned::span(time).resolved_at(handler.home);
            let message = message(handler).map_or_else(|| quote!(_), |ty| quote!(#ty));
            quote_spanned!(span=> let __time = __rt::moment::<#message, _, _, _>(#time, __message.look()?);)
        }
        None => {
            let span =
                handler.after.first().or(handler.before.first()).map_or(handler.home, |first| first.span);
            quote_spanned!(span=> let __time = __rt::recorded(__message, &__step);)
        }
    };
    let told = bound(handler, |at, name, checkpoint, span| {
        let is_first = at == 0;
        match name == "after" {
            true => quote_spanned!(span=> __rt::after(#checkpoint, __time, #is_first).await?;),
            false => quote_spanned!(span=> __rt::before(#checkpoint, __time).await?;),
        }
    });
    Some(quote!(#time #(#told)*))
}

fn arguments(arguments: &[Argument]) -> TokenStream {
    if let [Argument { local, ty, span, by }] = arguments {
        return match by {
            By::Value => quote_spanned!(*span=>
                let #local = __rt::As::<#ty>::take(__message, __copy, &__step)?;
            ),
            By::Reference => quote_spanned!(*span=> let #local = __rt::As::<#ty>::view(__message.look()?);),
        };
    }
    let looked = arguments.iter().map(|Argument { local, ty, span, by }| match by {
        By::Value => quote_spanned!(*span=> let #local = __rt::As::<#ty>::look(__message, &__step)?;),
        By::Reference => quote_spanned!(*span=> let #local = __rt::As::<#ty>::view(__message.look()?);),
    });
    let values: Vec<_> = arguments.iter().filter(|argument| argument.by == By::Value).collect();
    if values.is_empty() {
        return quote!(#(#looked)*);
    }
    let rest = if values.len() < arguments.len() {
        quote!(let __rest = __rt::Rest::taken();)
    } else {
        quote!(let __rest = __rt::Rest::of(__message, __copy, &__step);)
    };
    let last = values.len() - 1;
    let taken = values.iter().enumerate().map(|(at, Argument { local, span, .. })| {
        let left = if at == last { quote!(_) } else { quote!(__rest) };
        quote_spanned!(*span=> let (#local, #left) = __rest.take(#local)?;)
    });
    quote!(#(#looked)* #rest #(#taken)*)
}

/// The outputs to the sinks: all checks stand before the loop, so that each sink's error stands alone.
fn sinks(handler: &Handler) -> TokenStream {
    let Some(first) = handler.sinks.first() else {
        return quote!(while let __rt::Some(_) = __outputs.next(&__step).await? {});
    };
    let send = if handler.retries() { "resend" } else { "send" };
    let span = first.span;
    let shown = quote_spanned!(span=> let __shown = __rt::sent_by(&__outputs).shown(););
    let several = handler.sinks.len() > 1;
    let copies = several.then(|| {
        let span = handler.sink_list;
        quote_spanned!(span=> let __copied = __rt::copies(__shown);)
    });
    let fitted = handler.sinks.iter().enumerate().map(|(index, sink)| fitted(index, sink));
    let last = handler.sinks.len() - 1;
    let given = handler.sinks.iter().enumerate().map(|(index, sink)| {
        let (span, name, mut at) = (sink.span, sink_local(index, sink), Literal::usize_unsuffixed(index));
        at.set_span(span);
        let item = if index == last {
            quote_spanned!(span=> __item)
        } else {
            quote_spanned!(span=> __copied(&__item))
        };
        let send = Ident::new(send, span);
        quote_spanned!(span=> __rt::#send(&__step, #at, #item, &#name).await?;)
    });
    quote! {
        #shown
        #copies
        #(#fitted)*
        while let __rt::Some(__item) = __outputs.next(&__step).await? {
            #(#given)*
        }
    }
}

fn sink_local(index: usize, sink: &Element) -> Ident {
    Ident::new(&format!("__sink_{}", index + 1), sink.span)
}

fn fitted(index: usize, sink: &Element) -> TokenStream {
    let (span, expr, local) = (sink.span, &sink.expr, sink_local(index, sink));
    match sink.kind {
        Kind::Static | Kind::Path => {
            quote_spanned!(span=> let #local = __rt::Offer(&#expr).sink().fit(__shown);)
        }
        Kind::OpenClosure => quote_spanned!(span=> let #local = __rt::closure(__shown, #expr);),
        Kind::Made => {
            let made = format_ident!("__made_{}", index + 1, span = span);
            quote_spanned!(span=>
                let #made = #expr;
                let #local = __rt::Offer(&#made).sink().fit(__shown);
            )
        }
    }
}

/// What `concurrency` goes by.
fn key(handler: &Handler) -> TokenStream {
    match (&handler.key, message(handler)) {
        (Some(key), Some(ty)) => {
            let span = syn::spanned::Spanned::span(key).resolved_at(handler.home);
            quote_spanned!(span=> __rt::keyed::<#ty, _, _, _>(#key))
        }
        _ => {
            let span = handler
                .concurrency
                .as_ref()
                .map_or(handler.home, |lanes| syn::spanned::Spanned::span(lanes).resolved_at(handler.home));
            quote_spanned!(span=> __rt::by_record())
        }
    }
}

/// Whether the handler only looks at its messages: then they are lent to it.
fn lends(handler: &Handler) -> bool {
    let looks =
        handler.arguments.iter().all(|argument| argument.by == By::Reference || is_beside(&argument.ty));
    looks && handler.pipes.is_empty()
}

/// The argument that is the message, so far as its name says.
fn message_argument(handler: &Handler) -> Option<&Argument> {
    let arguments = &handler.arguments;
    let referred = arguments.iter().find(|argument| argument.by == By::Reference);
    referred.or_else(|| arguments.iter().find(|argument| !is_beside(&argument.ty)))
}

fn message(handler: &Handler) -> Option<&Type> {
    message_argument(handler).map(|argument| &argument.ty)
}
