//! `print`: a line on the standard output, by `Display` if there is one, else by `Debug`.

use super::{InHand, Ready, Resource, SentBy, Shown};
use crate::error::Error;
use crate::needs::Needs;
use crate::step::{Interrupt, Step};
use std::fmt::{Debug, Display};
use std::marker::PhantomData;

/// The type of [`print`].
pub struct Print;

/// Prints what the handler sends, a line each: by `Display`, or by `Debug` where there is no `Display`. When nobody reads
/// the standard output any more, as behind `| head`, the app drains and ends well.
///
/// ```
/// use slipstream::prelude::*;
///
/// #[handle(source = 0..2_u32, sink = [print])]
/// fn pair(n: u32) -> (u32, u32) {
///     (n, n + 1) // prints (0, 1) and (1, 2)
/// }
/// ```
#[allow(non_upper_case_globals)] // it reads as the function that it stands for
pub static print: Print = Print;

/// How an output is printed.
pub struct ByDisplay;
/// As above.
pub struct ByDebug;
/// As above.
pub struct ByNeither;

impl<T: Display> SentBy<T> {
    /// By `Display`.
    pub fn shown(self) -> Shown<T, ByDisplay> {
        Shown::new()
    }
}

/// For outputs without `Display`.
pub trait ShownByDebug<T> {
    /// By `Debug`.
    fn shown(self) -> Shown<T, ByDebug>;
}

impl<T: Debug> ShownByDebug<T> for SentBy<T> {
    fn shown(self) -> Shown<T, ByDebug> {
        Shown::new()
    }
}

/// For outputs with neither.
pub trait ShownByNeither<T> {
    /// Not at all.
    fn shown(self) -> Shown<T, ByNeither>;
}

impl<T> ShownByNeither<T> for &SentBy<T> {
    fn shown(self) -> Shown<T, ByNeither> {
        Shown::new()
    }
}

/// Prints a `T`.
#[diagnostic::on_unimplemented(
    message = "`print` needs a message with `Display` or `Debug`",
    label = "the handler sends `{T}`, which has neither"
)]
pub trait Prints<T> {
    /// Writes its line.
    ///
    /// # Errors
    /// If the output is closed.
    fn print(item: &T, out: &mut dyn std::io::Write) -> std::io::Result<()>;
}

impl<T: Display> Prints<T> for ByDisplay {
    fn print(item: &T, out: &mut dyn std::io::Write) -> std::io::Result<()> {
        writeln!(out, "{item}")
    }
}

impl<T: Debug> Prints<T> for ByDebug {
    fn print(item: &T, out: &mut dyn std::io::Write) -> std::io::Result<()> {
        writeln!(out, "{item:?}")
    }
}

/// `print` as a sink.
pub struct ToPrint;

impl Resource for Print {
    type Kind<'a> = ToPrint;

    fn kind(&self) -> ToPrint {
        ToPrint
    }

    fn declare(&'static self, _: &mut Needs) {}
}

/// Prints by `P`.
struct PrintSink<P>(PhantomData<fn() -> P>);

impl ToPrint {
    /// As a sink for these outputs.
    pub fn fit<T: Send, P>(self, _: Shown<T, P>) -> impl Ready<T> + Sync + use<T, P>
    where
        P: Prints<T>,
    {
        PrintSink::<P>(PhantomData)
    }
}

impl<T: Send, P: Prints<T>> Ready<T> for PrintSink<P> {
    async fn give(&self, item: T, step: &Step, at: usize) -> Result<(), Interrupt> {
        let in_hand = InHand::take(step.outputs(at)).held(step).await?;
        step.at_sink(at);
        match P::print(&item, &mut std::io::stdout().lock()) {
            Ok(()) => in_hand.delivered(),
            // As `head` does when it has enough. Nothing has failed, but nothing more is wanted: what is dropped here is
            // counted as failed, and no policy asks for it again.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => step.app().gates.drain(),
            Err(error) => return Err(Interrupt::Failed(Error::boxed(error))),
        }
        Ok(())
    }
}
