//! A sink that collects.

use crate::error::Result;
use crate::needs::Needs;
use crate::scope::{self, Shared, Slot};
use crate::sink::{InHand, Ready, Resource, Shown};
use crate::step::{Interrupt, Step};
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

/// A sink that collects what it is given, in the order in which it comes.
///
/// ```
/// # slipstream::doc_test(async {
/// use slipstream::prelude::*;
/// use slipstream::testing::{self, Output};
///
/// static SEEN: Output<u32> = Output::new("seen");
///
/// #[handle(source = 0..3_u32, sink = [SEEN])]
/// fn same(n: u32) -> u32 { n }
///
/// let app = testing::app().handler(same).start().await?;
/// app.wait().await?;
/// assert_eq!(app.drain(&SEEN)?, [0, 1, 2]);
/// # Ok(()) });
/// ```
pub struct Output<T> {
    name: &'static str,
    slot: Slot,
    types: PhantomData<fn() -> T>,
}

type Collected<T> = Mutex<Vec<T>>;

impl<T: Send + 'static> Output<T> {
    /// An output of this name.
    pub const fn new(name: &'static str) -> Self {
        Output { name, slot: Slot::new(), types: PhantomData }
    }

    fn collected(&self, app: &Shared) -> Result<Arc<Collected<T>>> {
        self.slot.of(app, Mutex::default)
    }

    /// Takes what was collected so far.
    ///
    /// # Errors
    /// Outside of an app.
    pub fn take(&self) -> Result<Vec<T>> {
        let current = scope::current(|| format!("the output `{}`", self.name))?;
        let collected = self.collected(&current.app)?;
        let mut collected = collected.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(std::mem::take(&mut *collected))
    }
}

/// An output as a sink.
pub struct ToOutput<'a, T>(&'a Output<T>);

/// What an output takes.
#[diagnostic::on_unimplemented(
    message = "this output cannot take what the handler sends",
    label = "this output takes `{T}`, the handler sends `{Self}`"
)]
pub trait FitsOutput<T> {
    /// The item.
    fn item(self) -> T;
}

#[diagnostic::do_not_recommend]
impl<T> FitsOutput<T> for T {
    fn item(self) -> T {
        self
    }
}

impl<T: Send + 'static> Resource for Output<T> {
    type Kind<'a> = ToOutput<'a, T>;

    fn kind(&self) -> ToOutput<'_, T> {
        ToOutput(self)
    }

    fn declare(&'static self, _: &mut Needs) {}
}

struct OutputSink<'a, T>(&'a Output<T>);

impl<'a, T: Send + 'static> ToOutput<'a, T> {
    /// As a sink for these outputs.
    pub fn fit<U: Send, P>(self, _: Shown<U, P>) -> impl Ready<U> + Sync + use<'a, T, U, P>
    where
        U: FitsOutput<T>,
    {
        OutputSink(self.0)
    }
}

impl<T: Send + 'static, U: FitsOutput<T> + Send> Ready<U> for OutputSink<'_, T> {
    async fn give(&self, item: U, step: &Step, at: usize) -> Result<(), Interrupt> {
        let in_hand = InHand::take(step.outputs(at)).held(step).await?;
        step.at_sink(at);
        let collected = self.0.collected(step.app())?;
        collected.lock().unwrap_or_else(PoisonError::into_inner).push(item.item());
        in_hand.delivered();
        Ok(())
    }
}
