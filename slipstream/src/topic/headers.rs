//! The headers of a record.

use crate::log::RawHeaders;
use bytes::Bytes;

/// The headers of a record, in the order in which they were written: as an argument, those of the record that the message
/// came from.
///
/// ```
/// use slipstream::prelude::*;
///
/// static QUAKES: Topic<String, f64> = Topic::new("quakes");
///
/// #[handle(source = QUAKES, sink = [print])]
/// fn show(magnitude: f64, headers: Headers) -> String {
///     format!("{magnitude} from {:?}", headers.get("agency"))
/// }
///
/// let record = Record::new("ci1234".to_owned(), 4.7).header("agency", "usgs").header("agency", "scsn");
/// assert_eq!(record.headers().get("agency"), Some(&b"scsn"[..]));
/// assert_eq!(record.headers().iter().count(), 2);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(pub(super) RawHeaders);

impl Headers {
    /// The value of the last header of this name.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter().filter(|(found, _)| *found == name).last().map(|(_, value)| value)
    }

    /// All headers, with an empty value where there is none.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_deref().unwrap_or_default()))
    }

    pub(super) fn push(&mut self, name: String, value: Vec<u8>) {
        self.0.push((name, Some(Bytes::from(value))));
    }
}
