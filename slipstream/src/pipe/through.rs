//! Puts a flow through a pipe: ours stays a flow, anything else is traced again from its outputs.

use crate::flow::{Flow, Foreign, Hand};
use crate::pulled::Traced;
use crate::step::Step;
use futures_core::Stream;
use std::marker::PhantomData;

/// A pipe: a function from a stream to a stream.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a pipe",
    label = "not a pipe for this stream",
    note = "a pipe is a function from a stream to a stream, such as `pairwise`, or a call that makes one, such as \
            `chunks(10)`"
)]
pub trait Pipe<In, M> {
    /// What it returns.
    type Out;

    /// Puts the stream through.
    fn apply(self, stream: In) -> Self::Out;
}

/// Told apart by these, which nobody writes.
pub struct AFunction;
/// As above.
pub struct Nothing;

#[diagnostic::do_not_recommend]
impl<F: FnOnce(In) -> Out, In, Out> Pipe<In, AFunction> for F {
    type Out = Out;

    fn apply(self, stream: In) -> Out {
        self(stream)
    }
}

/// No type has it. But as there are two ways to be a pipe, the compiler says of what is none that it is none, instead of
/// what the only way would have wanted; and takes no type from it, so that there is one error.
pub trait Unlikely {}

#[diagnostic::do_not_recommend]
impl<P: Unlikely, In> Pipe<In, Nothing> for P {
    type Out = In;

    fn apply(self, stream: In) -> In {
        stream
    }
}

/// What a pipe returned, on its way to be asked what it is: by value, or by `&mut` if nothing else fits.
pub struct Piped<Out> {
    out: Option<Out>,
    hand: Hand,
    step: Step,
}

/// Puts a flow through a pipe.
pub fn through<S, P: Pipe<Flow<S>, M>, M>(flow: Flow<S>, pipe: P) -> Piped<P::Out> {
    let (hand, step) = (flow.hand(), flow.step.clone());
    Piped { out: Some(pipe.apply(flow)), hand, step }
}

/// Puts a flow through a closure whose argument's type is not written.
pub fn pipe_fn<S, Out, F: FnOnce(Flow<S>) -> Out>(flow: Flow<S>, pipe: F) -> Piped<Out> {
    through(flow, pipe)
}

/// A stream that a pipe returned: a flow of ours, or one that is made of it.
pub struct Staged<S>(Flow<S>);

/// Something that a pipe returned and is no stream.
pub struct NoStream<Out>(PhantomData<fn() -> Out>);

impl<S> Piped<Flow<S>> {
    /// A flow as it is: the pipe is ours.
    pub fn staged(self) -> Option<Staged<S>> {
        self.out.map(Staged)
    }
}

/// For pipes that are not ours.
pub trait StagedForeign {
    /// The stream that the pipe returned.
    type Stream;

    /// Traced again.
    fn staged(self) -> Option<Staged<Foreign<Self::Stream>>>;
}

impl<S: Stream> StagedForeign for Piped<S> {
    type Stream = S;

    fn staged(self) -> Option<Staged<Foreign<S>>> {
        Some(Staged(Foreign::flow(self.out?, self.hand, self.step)))
    }
}

/// For what is no pipe at all.
pub trait StagedNothing {
    /// What the pipe returned.
    type Out;

    /// As what it is.
    fn staged(self) -> Option<NoStream<Self::Out>>;
}

impl<Out> StagedNothing for &mut Piped<Out> {
    type Out = Out;

    fn staged(self) -> Option<NoStream<Out>> {
        None
    }
}

/// What a pipe must return.
#[diagnostic::on_unimplemented(message = "a pipe returns a stream", label = "what this pipe returns is none")]
pub trait IsFlow {
    /// Its stages.
    type Stages;

    /// The flow.
    fn flow(self) -> Flow<Self::Stages>;
}

#[diagnostic::do_not_recommend]
impl<S, T, D> IsFlow for Staged<S>
where
    S: Stream<Item = Traced<T, D>>,
{
    type Stages = S;

    fn flow(self) -> Flow<S> {
        self.0
    }
}

/// What a pipe returns must be able to go to another thread. As with pipes there are two ways, so that there is one
/// error.
#[diagnostic::on_unimplemented(
    message = "what this pipe returns cannot go to another thread",
    label = "it holds something that is not `Send`"
)]
pub trait Portable<M>: Sized {
    /// The stages, checked.
    type Checked;

    /// As they are.
    fn checked(flow: Flow<Self>) -> Flow<Self::Checked>;
}

/// Told apart by this and by [`Nothing`].
pub struct CanGo;

#[diagnostic::do_not_recommend]
impl<S: Send> Portable<CanGo> for S {
    type Checked = S;

    fn checked(flow: Flow<S>) -> Flow<S> {
        flow
    }
}

#[diagnostic::do_not_recommend]
impl<S: Unlikely> Portable<Nothing> for S {
    type Checked = S;

    fn checked(flow: Flow<S>) -> Flow<S> {
        flow
    }
}

/// The flow behind a pipe. All that follows has its type from here: after an error there is no second one.
///
/// # Panics
/// Never: what was put through is there once.
pub fn out<F, M>(staged: Option<F>) -> Flow<<F::Stages as Portable<M>>::Checked>
where
    F: IsFlow,
    F::Stages: Portable<M>,
{
    #[allow(clippy::expect_used)] // `through` puts it in, and the one call of `staged` takes it out
    Portable::checked(staged.expect("a pipe returns once").flow())
}
