//! What is it? Told by method level: a resource of ours, a function of one argument, or something else.

use crate::needs::Needs;
use std::marker::PhantomData;

/// Something in a sink list.
pub struct Offer<'a, S>(pub &'a S);

/// A static of ours that can be a sink.
pub trait Resource {
    /// How it is offered.
    type Kind<'a>
    where
        Self: 'a;

    /// As a sink.
    fn kind(&self) -> Self::Kind<'_>;

    /// Tells preflight of it.
    fn declare(&'static self, needs: &mut Needs);
}

impl<'a, S: Resource> Offer<'a, S> {
    /// As the sink that it is.
    pub fn sink(self) -> S::Kind<'a> {
        self.0.kind()
    }
}

/// Tells preflight of the statics among the sinks.
pub struct Declared<S: 'static>(pub &'static S);

/// For statics of ours that have no more to tell; those that do have a `declare` of their own.
pub trait DeclaredAsIs: Sized {
    /// It is one of ours.
    fn declare(self, needs: &mut Needs);
}

impl<S: Resource> DeclaredAsIs for Declared<S> {
    fn declare(self, needs: &mut Needs) {
        self.0.declare(needs);
    }
}

/// For everything that preflight need not know.
pub trait NotDeclared: Sized {
    /// Nothing is told.
    fn declare(self, _: &mut Needs) {}
}

impl<S> NotDeclared for &Declared<S> {}

/// A function as a sink; `A` is what it takes, `R` what it returns.
pub struct ToFn<F, A, R>(pub(super) F, PhantomData<fn(A) -> R>);

/// For functions of one argument.
pub trait OfferFn<'a, A, R> {
    /// The function.
    type Function;

    /// As the sink that it is.
    fn sink(self) -> ToFn<Self::Function, A, R>;
}

impl<'a, F: Fn(A) -> R, A, R> OfferFn<'a, A, R> for Offer<'a, F> {
    type Function = &'a F;

    fn sink(self) -> ToFn<&'a F, A, R> {
        ToFn(self.0, PhantomData)
    }
}

/// A function of two arguments: no sink.
pub struct TakesTwo<A, B>(PhantomData<fn(A, B)>);

/// For functions of two arguments.
pub trait OfferTwo<A, B, R> {
    /// As what it is.
    fn sink(self) -> TakesTwo<A, B>;
}

impl<F: Fn(A, B) -> R, A, B, R> OfferTwo<A, B, R> for &Offer<'_, F> {
    fn sink(self) -> TakesTwo<A, B> {
        TakesTwo(PhantomData)
    }
}

/// Anything else: no sink.
pub struct NoSink<S>(PhantomData<fn() -> S>);

/// For anything else.
pub trait OfferOther {
    /// What it is.
    type Offered;

    /// As what it is.
    fn sink(self) -> NoSink<Self::Offered>;
}

impl<S> OfferOther for &mut Offer<'_, S> {
    type Offered = S;

    fn sink(self) -> NoSink<S> {
        NoSink(PhantomData)
    }
}
