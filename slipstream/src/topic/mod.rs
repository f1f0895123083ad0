//! Topics: named logs of keyed records, in memory or on a broker, as source and as sink.
//!
//! A static `Topic` is a name with types; the running app holds the connection. Nothing here knows which log it is.

mod dead;
mod definition;
mod headers;
mod record;
mod seek;
mod sink;
mod source;

pub use dead::dead_letter;
pub(crate) use definition::Definition;
pub use definition::Start;
pub use headers::Headers;
pub(crate) use record::About;
pub(crate) use record::decode;
pub use record::{Record, TopicKey};

use crate::codec::{Codec, Json, Opened, Opening};
use crate::error::{Error, ErrorKind, Result};
use crate::log::{Ack, Outgoing, Written};
use crate::scope;
use std::marker::PhantomData;
use std::sync::Arc;

/// A named log of records with keys `K` and values `V`, written by the codec `C`.
///
/// As a source it yields [`Record`]s, of which a handler takes the value, the record, or `(K, V)`; as a sink it takes
/// `(K, V)`, `(Option<K>, V)` or a `Record`.
///
/// ```
/// # slipstream::doc_test(async {
/// use slipstream::prelude::*;
///
/// static WORDS: Topic<String, u64> = Topic::new("words").partitions(4).until_end();
///
/// #[handle(source = [("a", 1_u64), ("b", 2)], sink = [WORDS])]
/// fn send((word, n): (&'static str, u64)) -> (String, u64) {
///     (word.to_owned(), n)
/// }
///
/// #[handle(source = WORDS, sink = [print])]
/// fn show(n: &u64, word: Key<String>) -> String {
///     format!("{} {n}", word.0)
/// }
///
/// slipstream::testing::app().handler(send).handler(show).run().await
/// # });
/// ```
pub struct Topic<K, V, C = Json> {
    definition: Definition,
    types: PhantomData<fn() -> (K, V, C)>,
}

impl<K, V, C> Topic<K, V, C> {
    /// A topic of this name, read from its latest record on where no position is known.
    pub const fn new(name: &'static str) -> Self {
        Topic { definition: Definition::new(name), types: PhantomData }
    }

    /// Where to start where no position is known.
    ///
    /// ```
    /// use slipstream::prelude::*;
    /// static QUAKES: Topic<String, f64> = Topic::new("quakes").start(Start::Earliest);
    /// assert_eq!(QUAKES.name(), "quakes");
    /// ```
    #[must_use]
    pub const fn start(mut self, start: Start) -> Self {
        self.definition.start = start;
        self
    }

    /// As a source, ends at the end offsets seen at the start; if handlers of the same app write to it, at those seen
    /// when the last of them has ended. For jobs that finish.
    #[must_use]
    pub const fn until_end(mut self) -> Self {
        self.definition.until_end = true;
        self
    }

    /// Makes the topic with this many partitions where it does not exist.
    #[must_use]
    pub const fn partitions(mut self, partitions: u32) -> Self {
        self.definition.partitions = Some(partitions);
        self
    }

    /// Writes nothing to it, to try what a program would do: what is sent counts as delivered, and goes nowhere. It need
    /// not exist, and is not made. As a source it is read as any other. `topic.NAME.dry` says it from outside.
    ///
    /// ```
    /// # slipstream::doc_test(async {
    /// use slipstream::prelude::*;
    /// static ALARMS: Topic<String, u32> = Topic::new("alarms").dry();
    ///
    /// #[handle(source = 0..3_u32, sink = [ALARMS, print])]
    /// fn alarm(n: u32) -> (String, u32) {
    ///     ("fire".to_owned(), n)
    /// }
    ///
    /// let app = slipstream::testing::app().handler(alarm).start().await?;
    /// app.wait().await?;
    /// assert_eq!(app.report().sink("alarm", "ALARMS").delivered, 3);
    /// # Ok(()) });
    /// ```
    #[must_use]
    pub const fn dry(mut self) -> Self {
        self.definition.dry = true;
        self
    }

    /// The topic's name in the program; `topic.NAME.name` may call it otherwise on the broker.
    pub const fn name(&self) -> &'static str {
        self.definition.name
    }

    pub(crate) fn definition(&self) -> &Definition {
        &self.definition
    }

    pub(crate) fn type_name() -> &'static str {
        std::any::type_name::<(K, V, C)>()
    }
}

impl<K: TopicKey, V: 'static, C: Codec<V>> Topic<K, V, C> {
    /// The topic's name on the broker, and its codec at work, if that is more than a type.
    fn ready(&self, app: &scope::Shared) -> Result<(Arc<str>, Option<Opened<V>>)> {
        let ready = self.definition.ready(app)?;
        let topic = self.definition.known(&ready, app)?;
        let open = || {
            let opened = C::open(&Opening { topic: &topic, config: &app.config });
            let opened = opened.map_err(|error| format!("the codec of the topic `{topic}`: {error}"))?;
            Ok(opened.map(|opened| Arc::new(opened) as Arc<dyn std::any::Any + Send + Sync>))
        };
        let opened =
            ready.codec.get_or_init(open).clone().map_err(|text| Error::new(ErrorKind::Codec, text))?;
        let opened = opened.and_then(|opened| opened.downcast::<Opened<V>>().ok());
        Ok((topic, opened.map(|opened| Opened::clone(&opened))))
    }

    /// For preflight: that the codec can work, and can write if that is asked.
    pub(crate) fn named(&'static self, writes: bool) -> crate::needs::Named {
        let mut named = self.definition.named(Self::type_name());
        named.prepare = Some(Arc::new(move |app: &Arc<scope::Shared>| {
            let (topic, codec) = self.ready(app)?;
            let Some(codec) = codec.filter(|_| writes) else { return Ok(()) };
            codec.ready_to_write().map_err(|error| {
                Error::new(ErrorKind::Codec, format!("the codec of the topic `{topic}`: {error}"))
            })
        }));
        named
    }

    pub(crate) fn outgoing(
        &self,
        app: &scope::Shared,
        key: Option<bytes::Bytes>,
        value: &V,
        about: Option<&About>,
    ) -> Result<Outgoing> {
        let (topic, codec) = self.ready(app)?;
        let value = codec.map_or_else(|| C::write(value), |codec| codec.write(value)).map_err(|error| {
            Error::caused(
                ErrorKind::Codec,
                format!("a value for the topic `{topic}` cannot be encoded: {error}"),
                error,
            )
        })?;
        let (headers, timestamp) =
            about.map(|about| (about.headers.0.clone(), about.timestamp)).unwrap_or_default();
        let record = Outgoing { topic, partition: None, key, value, headers, timestamp };
        record.check_size(&**app.log()?)?;
        Ok(record)
    }

    /// Writes a record. Inside of a handler it is sent when the step ends, and nothing is returned; outside, waits
    /// until it is acknowledged. To a dry topic nothing goes, and nothing is returned.
    ///
    /// ```
    /// # slipstream::doc_test(async {
    /// use slipstream::prelude::*;
    /// use slipstream::testing::Broker;
    /// static WORDS: Topic<String, u64> = Topic::new("words");
    ///
    /// #[handle(source = ["a", "bb"])]
    /// async fn measure(word: &'static str) -> Result<()> {
    ///     let receipt = WORDS.send(Record::new(word.to_owned(), word.len() as u64).header("by", "measure")).await?;
    ///     assert_eq!(receipt, None, "it is sent with the end of this call");
    ///     Ok(())
    /// }
    ///
    /// let broker = Broker::new();
    /// broker.app().handler(measure).run().await?;
    /// assert_eq!(broker.records(&WORDS)?.len(), 2);
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// If the value cannot be encoded, outside of an app, or if the record is not delivered.
    ///
    /// # Cancel safety
    /// A record whose future is dropped may have been written.
    pub async fn send(&self, record: impl Into<Record<K, V>>) -> Result<Option<Receipt>> {
        let current = scope::current(|| format!("the topic `{}`", self.name()))?;
        let Record { key, value, about } = record.into();
        let outgoing = self.outgoing(&current.app, key.write(), &value, Some(&about))?;
        if let Some(step) = &current.step {
            step.touch().records.push((None, outgoing));
            return Ok(None);
        }
        let (done, written) = tokio::sync::oneshot::channel();
        // Nobody to tell means that the caller went away.
        let ack = Ack::once(move |written| drop(done.send(written)));
        let goes = current.app.produce(&**current.app.log()?, outgoing, ack);
        let gone = |error| {
            Error::caused(ErrorKind::Log, "the log was closed before the record was delivered", error)
        };
        let Written { partition, offset } = written.await.map_err(gone)??;
        Ok(goes.then_some(Receipt { partition, offset }))
    }
}

/// Where a record was written.
///
/// ```
/// # slipstream::doc_test(async {
/// use slipstream::prelude::*;
/// static WORDS: Topic<String, u64> = Topic::new("words");
/// let app = slipstream::testing::app().start_idle().await?;
/// let receipt = app.scope(WORDS.send(("a".to_owned(), 1))).await?;
/// assert_eq!(receipt.map(|receipt| receipt.offset), Some(0));
/// # Ok(()) });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// The partition.
    pub partition: u32,
    /// The record's offset in it.
    pub offset: i64,
}
