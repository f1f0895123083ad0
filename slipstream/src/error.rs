//! What can go wrong, in one type that every fallible function of the library returns.

use std::error::Error as StdError;
use std::fmt;

/// Any error, as handlers and sinks may return it.
///
/// ```
/// use slipstream::prelude::*;
/// fn store(_n: u32) -> Result<(), slipstream::BoxError> { Err("no room".into()) }
///
/// #[handle(source = 0..3_u32, sink = [store], on_error = skip)]
/// fn same(n: u32) -> u32 { n }
/// ```
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// The result of the library's functions, and the usual one of a handler.
///
/// ```
/// use slipstream::prelude::*;
///
/// fn parse(line: &str) -> Result<u64> {
///     Ok(line.trim().parse()?)
/// }
/// assert_eq!(parse(" 7 ").unwrap(), 7);
/// assert!(parse("seven").is_err());
/// ```
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of event an [`Error`] reports.
///
/// ```
/// use slipstream::{Error, ErrorKind};
///
/// let error = Error::from(std::io::Error::other("the disk is gone"));
/// assert_eq!(error.kind(), ErrorKind::User);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The wiring cannot run; found before the first message.
    Preflight,
    /// A topic, cache or clock was used where no app, or more than one, could be meant.
    OutsideApp,
    /// A failure policy said stop: the message at fault is named.
    Stopped,
    /// Bytes could not be turned into a key or a value, or the other way round.
    Codec,
    /// A source of ours, as a file, could not be read.
    Source,
    /// The store could not be read or written.
    Store,
    /// The disk is full, or nearly so: the commit can be made again once there is space.
    NoSpace,
    /// Stored bytes are not those that were written.
    Corrupt,
    /// State that was there is gone.
    StateLost,
    /// State is older than what was committed.
    StateRolledBack,
    /// The broker, or a topic in memory, refused.
    Log,
    /// The call was made where it can only wait for itself.
    Misuse,
    /// A handler or a sink panicked.
    Panicked,
    /// A handler took longer than its `timeout`.
    TimedOut,
    /// An error of the user's own, passed through `?`.
    User,
}

impl ErrorKind {
    /// Whether it is about state, whatever happened to it.
    pub(crate) fn is_of_store(self) -> bool {
        use ErrorKind::{Corrupt, NoSpace, StateLost, StateRolledBack, Store};
        matches!(self, Store | NoSpace | Corrupt | StateLost | StateRolledBack)
    }
}

/// An error of the library, or one of the user's that passed through `?`.
///
/// Every standard error converts into it. It says what happened, where, and what to do, without any message's content.
///
/// ```
/// use slipstream::prelude::*;
///
/// let error = Error::msg("no quake today");
/// assert_eq!(error.to_string(), "no quake today");
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: Option<String>,
    source: Option<BoxError>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error(Box::new(Inner { kind, message: Some(message.into()), source: None }))
    }

    pub(crate) fn caused(kind: ErrorKind, message: impl Into<String>, source: impl Into<BoxError>) -> Self {
        Error(Box::new(Inner { kind, message: Some(message.into()), source: Some(source.into()) }))
    }

    /// Something panicked.
    pub(crate) fn panicked(what: &str, panic: &(dyn std::any::Any + Send)) -> Self {
        Error::new(ErrorKind::Panicked, format!("{what} panicked: {}", panic_text(panic)))
    }

    /// Makes an error out of a text.
    ///
    /// ```
    /// let error = slipstream::Error::msg("out of luck");
    /// assert_eq!(error.to_string(), "out of luck");
    /// ```
    pub fn msg(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::User, message)
    }

    /// Takes any error, also a boxed one.
    ///
    /// ```
    /// let boxed: slipstream::BoxError = "gone".into();
    /// assert_eq!(slipstream::Error::boxed(boxed).to_string(), "gone");
    /// ```
    pub fn boxed(source: impl Into<BoxError>) -> Self {
        let source = source.into();
        match source.downcast::<Passing>() {
            Ok(passing) => passing.0,
            Err(source) => {
                Error(Box::new(Inner { kind: ErrorKind::User, message: None, source: Some(source) }))
            }
        }
    }

    /// The same words for another who waits for them.
    pub(crate) fn copy(&self) -> Self {
        Error::new(self.kind(), format!("{self:?}"))
    }

    /// The kind of event that this error reports.
    ///
    /// ```
    /// assert_eq!(slipstream::Error::msg("x").kind(), slipstream::ErrorKind::User);
    /// ```
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The exit code of a process that ends with this error: 2 if the wiring could not run, else 1.
    ///
    /// ```
    /// assert_eq!(slipstream::Error::msg("x").exit_code(), 1);
    /// ```
    pub fn exit_code(&self) -> u8 {
        if self.0.kind == ErrorKind::Preflight { 2 } else { 1 }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.0.message, &self.0.source) {
            (Some(message), _) => f.write_str(message),
            (None, Some(source)) => source.fmt(f),
            (None, None) => f.write_str("unknown error"),
        }
    }
}

/// Shows the whole chain of causes, since it is what a failing `main` prints; a cause that has been said is not repeated.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.to_string();
        let mut cause = match (&self.0.message, &self.0.source) {
            (Some(_), Some(source)) => Some(&**source as &dyn StdError),
            (_, source) => source.as_ref().and_then(|source| source.source()),
        };
        while let Some(error) = cause {
            let said = error.to_string();
            if !text.contains(&said) {
                text = format!("{text}: {said}");
            }
            cause = error.source();
        }
        f.write_str(&text)
    }
}

/// `Error` itself is not a `std::error::Error`, so that every error that is one converts into it by `?`.
impl<E: StdError + Send + Sync + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        Error::boxed(error)
    }
}

impl From<Error> for BoxError {
    fn from(error: Error) -> Self {
        Box::new(Passing(error))
    }
}

/// The text of a panic.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

/// Carries an [`Error`] through places that want a standard error, and is unpacked when it comes back.
struct Passing(Error);

impl fmt::Display for Passing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Passing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl StdError for Passing {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let inner = &self.0.0;
        let source = inner.source.as_ref().map(|source| &**source as &(dyn StdError + 'static));
        if inner.message.is_some() { source } else { source.and_then(StdError::source) }
    }
}
