//! Topics and state in memory that outlive an app, so that a test can stop one and start the next.

use crate::app::App;
use crate::codec::Codec;
use crate::error::{Error, ErrorKind, Result};
use crate::log::memory::MemoryLog;
use crate::store::Store;
use crate::topic::{Record, Topic, TopicKey, decode};
use std::sync::Arc;

/// Topics and state in memory, shared by the apps that are made of it.
///
/// ```
/// # slipstream::doc_test(async {
/// use slipstream::prelude::*;
/// use slipstream::testing::Broker;
///
/// static WORDS: Topic<String, u64> = Topic::new("words").start(Start::Earliest).until_end();
/// static TOTALS: Cache<String, u64> = Cache::new("totals");
///
/// #[handle(source = WORDS, sink = [TOTALS])]
/// fn add(n: u64, word: Key<String>) -> Result<(String, u64)> {
///     Ok((word.0.clone(), TOTALS.get(&word.0)?.unwrap_or(0) + n))
/// }
///
/// let broker = Broker::new();
/// for (round, total) in [(1, 5), (2, 10)] {
///     let app = broker.app().handler(add).on_start(async || WORDS.send(("a".to_owned(), 5)).await.map(drop));
///     let app = app.start().await?;
///     app.wait().await?;
///     assert_eq!(app.enter(|| TOTALS.get("a"))?, Some(total), "round {round}");
/// }
/// # Ok(()) });
/// ```
#[derive(Clone)]
pub struct Broker {
    log: MemoryLog,
    store: Arc<Store>,
}

impl Default for Broker {
    fn default() -> Self {
        Broker::new()
    }
}

impl Broker {
    /// Empty topics and empty state.
    pub fn new() -> Self {
        Broker { log: MemoryLog::new(1), store: Arc::new(Store::in_memory()) }
    }

    /// The same topics with another state, as another machine has one.
    ///
    /// ```
    /// let here = slipstream::testing::Broker::new();
    /// let there = here.elsewhere();
    /// # drop(there);
    /// ```
    #[must_use]
    pub fn elsewhere(&self) -> Broker {
        Broker { log: self.log.clone(), store: Arc::new(Store::in_memory()) }
    }

    /// An app over them.
    pub fn app(&self) -> App {
        App::new().log(Arc::new(self.log.clone())).store(self.store.clone())
    }

    /// Gives the app that reads a topic these of its partitions, as if others of its group had the rest; at its next start it
    /// has all of them again.
    ///
    /// ```
    /// # slipstream::doc_test(async {
    /// use slipstream::prelude::*;
    /// use slipstream::testing::{Broker, Output};
    /// static WORDS: Topic<u32, u64> = Topic::new("words").partitions(2).start(Start::Earliest);
    /// static SEEN: Output<u32> = Output::new("seen");
    ///
    /// #[handle(source = WORDS, sink = [SEEN])]
    /// fn look(record: Record<u32, u64>) -> u32 { record.partition() }
    ///
    /// let broker = Broker::new();
    /// let app = broker.app().handler(look).start().await?;
    /// broker.assign(&WORDS, [1]);
    /// app.quiet().await;
    /// for key in 0..9 {
    ///     app.scope(WORDS.send((key, 0))).await?;
    /// }
    /// app.quiet().await;
    /// assert!(app.drain(&SEEN)?.iter().all(|partition| *partition == 1));
    /// broker.assign(&WORDS, [0, 1]);
    /// app.quiet().await;
    /// assert!(app.drain(&SEEN)?.iter().all(|partition| *partition == 0));
    /// # Ok(()) });
    /// ```
    pub fn assign<K, V, C>(&self, topic: &Topic<K, V, C>, partitions: impl IntoIterator<Item = u32>) {
        self.log.assign(topic.name(), &partitions.into_iter().collect::<Vec<_>>());
    }

    /// All records of a topic: by partition, then in order.
    ///
    /// ```
    /// # slipstream::doc_test(async {
    /// use slipstream::prelude::*;
    /// use slipstream::testing::Broker;
    /// static DEAD: Topic<Option<String>, String> = Topic::new("dead");
    ///
    /// #[handle(source = ["7", "seven"], on_error = dead_letter(&DEAD))]
    /// fn parse(word: &str) -> Result<()> {
    ///     word.parse::<u32>()?;
    ///     Ok(())
    /// }
    ///
    /// let broker = Broker::new();
    /// broker.app().handler(parse).run().await?;
    /// let letters = broker.records(&DEAD)?;
    /// assert_eq!(letters[0].value, "seven");
    /// assert_eq!(letters[0].headers().get("slipstream-handler"), Some(&b"parse"[..]));
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// If one of them cannot be decoded.
    pub fn records<K: TopicKey, V, C: Codec<V>>(&self, topic: &Topic<K, V, C>) -> Result<Vec<Record<K, V>>> {
        let wrong = |error: Error| Error::new(ErrorKind::Codec, format!("in `{}`: {error}", topic.name()));
        self.log
            .contents(topic.name())
            .into_iter()
            .map(|raw| decode::<K, V, C>(raw, None).map_err(|fault| wrong(fault.into_parts().0)))
            .collect()
    }

    /// Writes a record of any bytes, as a broken producer might.
    ///
    /// ```
    /// # slipstream::doc_test(async {
    /// use slipstream::prelude::*;
    /// use slipstream::testing::Broker;
    /// static WORDS: Topic<String, u64> = Topic::new("words").start(Start::Earliest).until_end();
    ///
    /// #[handle(source = WORDS, on_error = skip)]
    /// fn look(_n: &u64) {}
    ///
    /// let broker = Broker::new();
    /// broker.write("words", Some(b"a"), Some(b"no number")).await?;
    /// let app = broker.app().handler(look).start().await?;
    /// app.wait().await?;
    /// assert_eq!(app.report().handler("look").skipped, 1);
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// If the topic refuses it.
    pub async fn write(&self, topic: &str, key: Option<&[u8]>, value: Option<&[u8]>) -> Result<()> {
        use crate::log::{Ack, Log as _, Outgoing};
        let bytes = |bytes: &[u8]| bytes::Bytes::copy_from_slice(bytes);
        let (key, value) = (key.map(bytes), value.map(bytes));
        let record = Outgoing {
            topic: topic.into(),
            partition: None,
            key,
            value,
            headers: Vec::new(),
            timestamp: None,
        };
        let (done, written) = tokio::sync::oneshot::channel();
        self.log.produce(record, Ack::once(|written| drop(done.send(written))));
        let gone = |error| Error::caused(ErrorKind::Log, "the topic went away", error);
        written.await.map_err(gone)?.map(drop)
    }
}
