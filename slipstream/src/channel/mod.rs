//! Channels: bounded queues between handlers. What is on its way is part of the state.
//!
//! A static `Channel` is a name with a type; the running app holds the queue. Nothing here knows which handlers send and
//! which receive.

mod sink;
mod source;

use crate::codec::{Codec as _, MessagePack};
use crate::error::{Error, ErrorKind, Result};
use crate::needs::{Named, Prepare};
use crate::scope::{self, Current, Shared, Slot};
use crate::steps::{Item, Queue};
use crate::store::RowValue;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// A named, bounded queue of `T`s between the handlers of an app: a sink of some, the source of others.
///
/// An item becomes visible when the step that sends it ends, and it is done when the step that takes it ends. Those on
/// their way are committed with the state, so that they are there after a restart, each once. A handler that sends waits
/// before its next message while the channel is full.
///
/// ```
/// # slipstream::doc_test(async {
/// use slipstream::prelude::*;
///
/// static LONG: Channel<String> = Channel::new("long");
/// static LENGTHS: Cache<String, usize> = Cache::new("lengths");
///
/// #[handle(source = ["an", "example", "of", "channels"], sink = [LONG])]
/// fn sort_out(word: &str) -> Option<String> {
///     (word.len() > 2).then(|| word.to_owned())
/// }
///
/// #[handle(source = LONG, sink = [LENGTHS])]
/// fn measure(word: String) -> (String, usize) {
///     let length = word.len();
///     (word, length)
/// }
///
/// let running = slipstream::testing::app().handler(sort_out).handler(measure).start().await?;
/// running.wait().await?;
/// assert_eq!(running.enter(|| LENGTHS.iter().count()), 2);
/// # Ok(()) });
/// ```
pub struct Channel<T> {
    name: &'static str,
    slot: Slot,
    capacity: usize,
    codec: Option<Codec<T>>,
}

/// What can be written down on its way through a channel.
#[diagnostic::on_unimplemented(
    message = "a channel cannot keep a `{Self}`",
    label = "`{Self}` lacks serde's traits",
    note = "derive them: `#[derive(Serialize, Deserialize)]`; or use `Channel::volatile`, whose items end with the process"
)]
pub trait Kept: Serialize + DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Kept for T {}

/// How items become bytes, and back.
struct Codec<T> {
    encode: fn(&T) -> Result<RowValue>,
    decode: fn(&[u8]) -> Result<T>,
}

/// How many items a channel has room for unless it says otherwise.
const CAPACITY: usize = 1024;

impl<T: Kept> Channel<T> {
    /// A channel of this name, with room for 1024 items.
    ///
    /// # Panics
    /// If the name is empty or has a 0 in it; for a static, when it is compiled.
    #[track_caller]
    pub const fn new(name: &'static str) -> Self {
        let codec = Some(Codec { encode: encode::<T>, decode: decode::<T> });
        Channel { name: crate::store::checked(name), slot: Slot::new(), capacity: CAPACITY, codec }
    }
}

impl<T> Channel<T> {
    /// A channel whose items end with the process: for what cannot be written down, or need not be.
    ///
    /// ```
    /// use slipstream::prelude::*;
    /// static REPLIES: Channel<std::sync::mpsc::Sender<u32>> = Channel::volatile("replies");
    /// ```
    pub const fn volatile(name: &'static str) -> Self {
        Channel { name, slot: Slot::new(), capacity: CAPACITY, codec: None }
    }

    /// How many items there is room for; one step may overshoot. More than what a pipe behind it holds, as `chunks(n)` does:
    /// a channel that is full of that waits for ever.
    #[must_use]
    pub const fn capacity(mut self, items: usize) -> Self {
        self.capacity = if items == 0 { 1 } else { items };
        self
    }

    /// The channel's name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    fn named(&self) -> Named {
        let prepare: Option<Prepare> = None;
        Named { name: self.name, slot: self.slot.index(), types: std::any::type_name::<T>(), prepare }
    }
}

impl<T: Send + 'static> Channel<T> {
    fn queue(&self, app: &Shared) -> Result<Arc<Queue>> {
        app.queue(self.slot.index()).ok_or_else(|| {
            let text = format!(
                "nothing takes from the channel `{}` in this app, or it has not started: name it as the source of a \
                 handler, and send to it from `start` on",
                self.name
            );
            Error::new(ErrorKind::Misuse, text)
        })
    }

    fn item(&self, value: T) -> Result<Item> {
        match &self.codec {
            Some(codec) => Ok(Item::Kept((codec.encode)(&value)?)),
            None => Ok(Item::Volatile(Box::new(value))),
        }
    }

    /// Sends an item: in a handler when its step ends, elsewhere once there is room.
    ///
    /// # Errors
    /// Outside of an app; if no handler of the app takes from the channel; if the item cannot be encoded; in a handler, if
    /// the channel is full twice over and the handler does not wait for room: it takes from the channel itself, or does not
    /// name it among its sinks; if it is full and a handler that takes from it has ended.
    ///
    /// # Cancel safety
    /// An item whose sending was dropped while it waited for room was not sent.
    pub async fn send(&self, value: T) -> Result<()> {
        let Current { app, step } = scope::current(|| format!("the channel `{}`", self.name))?;
        let queue = self.queue(&app)?;
        let item = self.item(value)?;
        match step {
            Some(step) => {
                let waited = step.waits_for(&queue);
                self.stage(&app, &mut step.touch().txn, &queue, item, waited)
            }
            None => {
                while !app.state.has_room_in(&queue) {
                    app.may_have_room(&queue)?;
                    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                }
                let mut item = Some(item);
                app.state.outside(|txn| match item.take() {
                    Some(item) => self.stage(&app, txn, &queue, item, true),
                    None => Ok(()), // it reads nothing, and so is never made again
                })
            }
        }
    }

    fn stage(
        &self,
        app: &Shared,
        txn: &mut crate::steps::Txn,
        queue: &Arc<Queue>,
        item: Item,
        waited: bool,
    ) -> Result<()> {
        if app.state.send(txn, queue, item, waited) {
            return Ok(());
        }
        let text = format!(
            "the channel `{}` is full twice over: who sends to it without waiting for room takes from it as well, and \
             would wait for itself, or does not name it among its `sink`s; give it a larger `capacity`, or send less",
            self.name
        );
        Err(Error::new(ErrorKind::Misuse, text))
    }
}

fn encode<T: Kept>(value: &T) -> Result<RowValue> {
    let failed = |error| Error::caused(ErrorKind::Codec, "an item of a channel cannot be encoded", error);
    MessagePack::encode(value).map(|bytes| RowValue::from(&bytes[..])).map_err(failed)
}

fn decode<T: Kept>(bytes: &[u8]) -> Result<T> {
    let failed = |error| Error::caused(ErrorKind::Codec, "an item of a channel cannot be decoded", error);
    MessagePack::decode(bytes).map_err(failed)
}
