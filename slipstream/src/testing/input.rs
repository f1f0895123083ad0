//! A source by script: what a test feeds, when it feeds it.

use crate::error::{BoxError, Error, ErrorKind, Result};
use crate::pulled::{Fault, Opened, Pulled};
use crate::scope::{self, Slot};
use crate::source::{Positions, Shared, Source, SourceId};
use futures_util::StreamExt as _;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;

/// A source that yields what the test feeds: messages, errors, the end.
///
/// ```
/// # slipstream::doc_test(async {
/// use slipstream::prelude::*;
/// use slipstream::testing::{self, Input};
///
/// static NUMBERS: Input<u32> = Input::new("numbers");
///
/// #[handle(source = NUMBERS, on_error = skip)]
/// fn look(_n: u32) {}
///
/// let app = testing::app().handler(look).start().await?;
/// app.feed(&NUMBERS, [1, 2])?;
/// app.enter(|| NUMBERS.fail("the line is dead"))?;
/// app.end(&NUMBERS)?;
/// app.wait().await?;
/// let counts = app.report().handler("look");
/// assert_eq!((counts.done, counts.skipped), (2, 1));
/// # Ok(()) });
/// ```
pub struct Input<T> {
    name: &'static str,
    slot: Slot,
    types: PhantomData<fn() -> T>,
}

/// The app's half of an input.
struct Script<T> {
    sender: Mutex<Option<mpsc::UnboundedSender<Result<T, Fault>>>>,
    receiver: Mutex<Option<mpsc::UnboundedReceiver<Result<T, Fault>>>>,
}

impl<T> Script<T> {
    fn new() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Script { sender: Mutex::new(Some(sender)), receiver: Mutex::new(Some(receiver)) }
    }
}

impl<T: Send + 'static> Input<T> {
    /// An input of this name.
    pub const fn new(name: &'static str) -> Self {
        Input { name, slot: Slot::new(), types: PhantomData }
    }

    fn script(&self) -> Result<Arc<Script<T>>> {
        let current = scope::current(|| format!("the input `{}`", self.name))?;
        self.slot.of(&current.app, Script::new)
    }

    fn send(&self, item: Result<T, Fault>) -> Result<()> {
        let script = self.script()?;
        let sender = script.sender.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = || Error::new(ErrorKind::Misuse, format!("the input `{}` has ended", self.name));
        sender.as_ref().ok_or_else(ended)?.send(item).map_err(|_| ended())
    }

    /// Yields a message.
    ///
    /// # Errors
    /// Outside of an app, or after the end.
    pub fn push(&self, item: T) -> Result<()> {
        self.send(Ok(item))
    }

    /// Yields an error in place of a message.
    ///
    /// # Errors
    /// Outside of an app, or after the end.
    pub fn fail(&self, error: impl Into<BoxError>) -> Result<()> {
        self.send(Err(Fault::yielded(error)))
    }

    /// Ends the source.
    ///
    /// # Errors
    /// Outside of an app.
    pub fn end(&self) -> Result<()> {
        *self.script()?.sender.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }
}

/// Told apart by this, which nobody writes.
pub struct AnInput;

#[diagnostic::do_not_recommend]
impl<T: Send + 'static> Shared<AnInput> for Input<T> {
    type Source = Source<T>;

    fn share(&'static self) -> Source<T> {
        let open = Arc::new(|opening: &crate::source::Opening| {
            let script: Arc<Script<T>> = self.slot.of(&opening.app, Script::new)?;
            let receiver = script.receiver.lock().unwrap_or_else(PoisonError::into_inner).take();
            let again =
                || Error::new(ErrorKind::Misuse, format!("the input `{}` is read already", self.name));
            let receiver = receiver.ok_or_else(again)?;
            let items = futures_util::stream::unfold(receiver, async |mut receiver| {
                let item = receiver.recv().await?;
                Some((Pulled { item, at: None }, receiver))
            });
            Ok(items.boxed() as Opened<T>)
        });
        Source::of_pulled(SourceId::Static(self.slot.index()), self.name.to_owned(), open, Positions::None)
    }
}
