//! What a dead-letter topic is sent of a message.

use super::Message;
use crate::flow::Lent;
use crate::log::RawHeaders;
use bytes::Bytes;

/// A message's bytes, as they came or as JSON.
#[derive(Default)]
pub struct RawLetter {
    pub(crate) key: Option<Bytes>,
    pub(crate) value: Option<Bytes>,
    pub(crate) headers: RawHeaders,
}

/// How a lane writes the letter of its message.
pub(super) type Letters<T, D> = fn(&Message<T, D>) -> Option<RawLetter>;

/// A message that can be sent to a dead-letter topic: a record as it came, anything else as JSON.
#[diagnostic::on_unimplemented(
    message = "a message for a dead-letter topic must be written as JSON",
    label = "`{Self}` has no `Serialize`"
)]
pub trait Letter {
    /// The message's bytes; `None` if it cannot be written.
    fn letter(&self) -> Option<RawLetter>;
}

#[diagnostic::do_not_recommend]
impl<T: serde::Serialize> Letter for T {
    fn letter(&self) -> Option<RawLetter> {
        let value = serde_json::to_vec(self).ok()?;
        Some(RawLetter { value: Some(value.into()), ..RawLetter::default() })
    }
}

#[diagnostic::do_not_recommend]
impl<T: Letter> Letter for Lent<T> {
    fn letter(&self) -> Option<RawLetter> {
        (**self).letter()
    }
}
