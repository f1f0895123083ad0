//! A record: key, value, and what describes them.

use super::{Codec, Headers, Opened};
use crate::error::{BoxError, Error, ErrorKind, Result};
use crate::keys::Key;
use crate::lane::{Letter, RawLetter};
use crate::log::Incoming;
use crate::pulled::Fault;
use bytes::Bytes;
use chrono::{DateTime, Utc};

/// A record of a topic.
///
/// ```
/// use slipstream::prelude::*;
///
/// let record = Record::new("ci1234".to_owned(), 4.7).header("agency", "usgs");
/// assert_eq!(record.value, 4.7);
/// assert_eq!(record.map(|magnitude| magnitude > 4.0).value, true);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Record<K, V> {
    /// The key.
    pub key: K,
    /// The value.
    pub value: V,
    pub(crate) about: About,
}

/// What describes a record beside its key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct About {
    pub(crate) partition: u32,
    pub(crate) offset: i64,
    /// Milliseconds since 1970, UTC.
    pub(crate) timestamp: Option<i64>,
    pub(crate) headers: Headers,
    /// The bytes as they came, for a dead-letter topic: sharing them costs no copy.
    pub(crate) raw: Option<(Option<Bytes>, Option<Bytes>)>,
}

impl<K, V> Record<K, V> {
    /// A record to be sent.
    pub fn new(key: K, value: V) -> Self {
        Record { key, value, about: About::default() }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.about.headers.push(name.into(), value.into());
        self
    }

    /// Its headers; those of a dead letter say why it died.
    pub fn headers(&self) -> &Headers {
        &self.about.headers
    }

    /// Sets the event time; without one the broker's clock counts.
    ///
    /// ```
    /// use slipstream::prelude::*;
    /// let noon = DateTime::from_timestamp(1_704_110_400, 0).unwrap();
    /// let record = Record::new("ci1234".to_owned(), 4.7).at(noon);
    /// assert_eq!(record.time(), Some(noon));
    /// ```
    #[must_use]
    pub fn at(mut self, time: DateTime<Utc>) -> Self {
        self.about.timestamp = Some(time.timestamp_millis());
        self
    }

    /// The partition that it was read from; 0 for one that was not read.
    ///
    /// ```
    /// # slipstream::doc_test(async {
    /// use slipstream::prelude::*;
    /// use slipstream::testing::Broker;
    /// static WORDS: Topic<String, u64> = Topic::new("words");
    ///
    /// let broker = Broker::new();
    /// broker.write("words", Some(b"a"), Some(b"1")).await?;
    /// let record = &broker.records(&WORDS)?[0];
    /// assert_eq!((record.partition(), record.offset()), (0, 0));
    /// # Ok(()) });
    /// ```
    pub fn partition(&self) -> u32 {
        self.about.partition
    }

    /// The offset that it was read at; 0 for one that was not read.
    pub fn offset(&self) -> i64 {
        self.about.offset
    }

    /// The event time, if it has one.
    pub fn time(&self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_millis(self.about.timestamp?)
    }

    /// The same record with another value.
    pub fn map<U>(self, make: impl FnOnce(V) -> U) -> Record<K, U> {
        Record { key: self.key, value: make(self.value), about: self.about }
    }
}

impl<K, V> From<(K, V)> for Record<K, V> {
    fn from((key, value): (K, V)) -> Self {
        Record::new(key, value)
    }
}

/// A record goes to a dead-letter topic as it came.
impl<K, V> Letter for Record<K, V> {
    fn letter(&self) -> Option<RawLetter> {
        let (key, value) = self.about.raw.clone()?;
        Some(RawLetter { key, value, headers: self.about.headers.0.clone() })
    }
}

/// The key of a topic's records: any [`Key`], or an `Option` of one where records may have none.
///
/// ```
/// use slipstream::prelude::*;
/// static CLICKS: Topic<Option<String>, u64> = Topic::new("clicks");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the key of a topic",
    label = "not a key",
    note = "keys are strings, integers, floats, bytes, bool, chrono times, tuples of those, and `Option`s of them"
)]
pub trait TopicKey: Sized + Send + Sync + 'static {
    /// The key's bytes, if it has any.
    fn write(&self) -> Option<Bytes>;

    /// The key of these bytes; `None` if they are none.
    fn read(bytes: Option<&[u8]>) -> Option<Self>;
}

#[diagnostic::do_not_recommend]
impl<K: Key> TopicKey for K {
    fn write(&self) -> Option<Bytes> {
        Some(self.to_record())
    }

    fn read(bytes: Option<&[u8]>) -> Option<Self> {
        match bytes {
            Some(bytes) => K::from_record(bytes),
            None => K::absent(),
        }
    }
}

impl<K: Key> TopicKey for Option<K> {
    fn write(&self) -> Option<Bytes> {
        self.as_ref().map(Key::to_record)
    }

    fn read(bytes: Option<&[u8]>) -> Option<Self> {
        match bytes {
            Some(bytes) => K::from_record(bytes).map(Some),
            None => Some(None),
        }
    }
}

/// Makes a record out of what was read, by the codec at work if there is one; the error says what is wrong with it, and
/// what was read comes back.
pub(crate) fn decode<K: TopicKey, V, C: Codec<V>>(
    raw: Incoming,
    codec: Option<&Opened<V>>,
) -> Result<Record<K, V>, Fault> {
    match key_and_value::<K, V, C>(&raw, codec) {
        Ok((key, value)) => {
            let Incoming { partition, offset, key: raw_key, value: raw_value, headers, timestamp, .. } = raw;
            let raw = Some((raw_key, raw_value));
            let about = About { partition, offset, timestamp, headers: Headers(headers), raw };
            Ok(Record { key, value, about })
        }
        Err(error) => Err(Fault::new(error, Some(raw))),
    }
}

fn key_and_value<K: TopicKey, V, C: Codec<V>>(raw: &Incoming, codec: Option<&Opened<V>>) -> Result<(K, V)> {
    let key = K::read(raw.key.as_deref()).ok_or_else(|| {
        let kind = std::any::type_name::<K>();
        let text = match raw.key {
            Some(_) => format!("the record's key is not a `{kind}`"),
            None => format!("the record has no key: read it by a `Topic<Option<{kind}>, _>`"),
        };
        Error::new(ErrorKind::Codec, text)
    })?;
    let bytes = raw.value.as_deref();
    let value = codec.map_or_else(|| C::read(bytes), |codec| codec.read(bytes)).map_err(undecodable::<V>)?;
    Ok((key, value))
}

/// Says where a value is wrong, but not what stands there: the words of a codec that is not ours may hold a part of
/// the payload.
fn undecodable<V>(error: BoxError) -> Error {
    let kind = std::any::type_name::<V>();
    let place = match error.downcast::<serde_json::Error>() {
        Ok(error) => {
            format!(": {:?} error at line {} column {}", error.classify(), error.line(), error.column())
                .to_lowercase()
        }
        Err(error) => {
            let error = Error::boxed(error);
            if error.kind() == ErrorKind::Codec { format!(": {error}") } else { String::new() }
        }
    };
    Error::new(ErrorKind::Codec, format!("the record's value is not a `{kind}`{place}"))
}
