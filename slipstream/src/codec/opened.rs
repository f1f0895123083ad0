//! A codec that is more than a type: at work for one topic of an app, with what it was set to.

use crate::config::Config;
use crate::error::BoxError;
use bytes::Bytes;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// What a codec is opened with.
pub struct Opening<'a> {
    /// What the topic is called on the broker.
    #[cfg_attr(not(feature = "schema-registry"), allow(dead_code))] // schemas are named after it
    pub(crate) topic: &'a str,
    #[cfg_attr(not(feature = "avro"), allow(dead_code))] // JSON has none
    pub(crate) config: &'a Config,
}

/// A codec at work.
pub type Opened<T> = Arc<dyn AtWork<T>>;

/// What must be waited for before a value can be read.
pub type Wait = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A codec at work for one topic of an app.
pub trait AtWork<T>: Send + Sync {
    /// Makes sure that values can be written: asked before the first message if any handler writes.
    ///
    /// # Errors
    /// If they cannot.
    fn ready_to_write(&self) -> Result<(), BoxError> {
        Ok(())
    }

    /// Writes a record's value; `None` for a record without one.
    ///
    /// # Errors
    /// If it cannot be written.
    fn write(&self, value: &T) -> Result<Option<Bytes>, BoxError>;

    /// What must be waited for before these bytes can be read: then the source pauses, since a message is not at fault.
    fn wait(&self, _: Option<&[u8]>) -> Option<Wait> {
        None
    }

    /// Reads a record's value, which may have none.
    ///
    /// # Errors
    /// If the bytes are no such value.
    fn read(&self, bytes: Option<&[u8]>) -> Result<T, BoxError>;
}
