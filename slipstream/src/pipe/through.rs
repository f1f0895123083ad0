//! Puts a flow through a pipe: ours stays a flow, anything else is traced again from its outputs.

use crate::flow::{Flow, Foreign, Hand};
use crate::step::Step;
use futures_core::Stream;

/// A pipe: a function from a stream to a stream.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a pipe",
    label = "not a pipe for this stream",
    note = "a pipe is a function from a stream to a stream, such as `pairwise`, or a call that makes one, such as \
            `chunks(10)`"
)]
pub trait Pipe<In> {
    /// What it returns.
    type Out;

    /// Puts the stream through.
    fn apply(self, stream: In) -> Self::Out;
}

#[diagnostic::do_not_recommend]
impl<F: FnOnce(In) -> Out, In, Out> Pipe<In> for F {
    type Out = Out;

    fn apply(self, stream: In) -> Out {
        self(stream)
    }
}

/// A flow, and the pipe that it goes through.
pub struct Through<S, P>(pub Flow<S>, pub P);

/// What a pipe returned.
pub struct Piped<Out> {
    out: Out,
    hand: Hand,
    step: Step,
}

impl<S, P> Through<S, P> {
    /// Puts the flow through.
    pub fn pipe(self) -> Piped<P::Out>
    where
        P: Pipe<Flow<S>>,
    {
        let Through(flow, pipe) = self;
        let (hand, step) = (flow.hand(), flow.step.clone());
        Piped { out: pipe.apply(flow), hand, step }
    }
}

/// Puts a flow through a closure whose argument's type is not written.
pub fn pipe_fn<S, Out, F: FnOnce(Flow<S>) -> Out>(flow: Flow<S>, pipe: F) -> Piped<Out> {
    Through(flow, pipe).pipe()
}

/// Makes sure that a pipe returned a stream.
pub fn out<Out: StreamOut>(piped: Piped<Out>) -> Piped<Out> {
    piped
}

/// What a pipe must return.
#[diagnostic::on_unimplemented(message = "a pipe returns a stream", label = "this pipe returns `{Self}`")]
pub trait StreamOut {}

#[diagnostic::do_not_recommend]
impl<S: Stream> StreamOut for S {}

impl<S> Piped<Flow<S>> {
    /// A flow as it is: the pipe is ours.
    pub fn flow(self) -> Flow<S> {
        self.out
    }
}

/// For pipes that are not ours.
pub trait IntoFlow {
    /// The stream that the pipe returned.
    type Stream;

    /// Traced again.
    fn flow(self) -> Flow<Foreign<Self::Stream>>;
}

impl<S: Stream> IntoFlow for Piped<S> {
    type Stream = S;

    fn flow(self) -> Flow<Foreign<S>> {
        Foreign::flow(self.out, self.hand, self.step)
    }
}
