//! The two ledgers: what became of each message taken, and of each output offered.
//!
//! Every column is counted at its own event, none by subtraction, so that a message that is forgotten anywhere shows.

mod evicted;

pub use evicted::Evicted;
pub(crate) use evicted::Evictions;

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Relaxed};

/// A counter of one lane, read by anyone.
#[derive(Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    /// Adds where one task at a time writes: a load and a store, without a locked instruction.
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// Adds where several threads write, as acknowledgements do.
    pub(crate) fn add_shared(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    /// Takes away where several threads write.
    pub(crate) fn sub_shared(&self, n: u64) {
        self.0.fetch_sub(n, Relaxed);
    }

    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// How many are somewhere: those that came and those that left, each counted at its own event. Two counters, since one
/// that goes up and down with every message makes each wait for the one before.
#[derive(Default)]
pub(crate) struct Gauge {
    came: Count,
    left: Count,
}

impl Gauge {
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        self.came.add(n);
    }

    #[inline]
    pub(crate) fn sub(&self, n: u64) {
        self.left.add(n);
    }

    pub(crate) fn get(&self) -> u64 {
        // Those that left first: what comes meanwhile makes it too large by that, never less than nothing.
        let left = self.left.0.load(Acquire);
        self.came.get().saturating_sub(left)
    }
}

/// The counters of one handler over one source, in one lane.
#[derive(Default)]
pub(crate) struct Messages {
    pub(crate) source: String,
    pub(crate) handler: String,
    pub(crate) taken: Count,
    pub(crate) done: Count,
    pub(crate) filtered: Count,
    pub(crate) skipped: Count,
    pub(crate) dead: Count,
    pub(crate) superseded: Count,
    pub(crate) held: Gauge,
    pub(crate) absorbed: Count,
    /// What came to be open otherwise than by being taken: from another lane, or out of a pipe's hold.
    pub(crate) came: Count,
    /// What is not open any more: another column has it, or another lane.
    pub(crate) left: Count,
    pub(crate) conflicts: Count,
    pub(crate) retries: Count,
}

/// The counters of one sink of one handler, in one lane.
#[derive(Default)]
pub(crate) struct Outputs {
    pub(crate) handler: String,
    pub(crate) sink: String,
    pub(crate) offered: Count,
    pub(crate) delivered: Count,
    pub(crate) failed: Count,
    pub(crate) withdrawn: Count,
    /// Staged, or not acknowledged; written by several threads.
    pub(crate) open: Count,
    /// In a sink's hands; written by the lane alone.
    pub(crate) in_hand: Gauge,
}

/// The counters of a source that receives batches: `received = handed + waiting`.
#[derive(Default)]
pub(crate) struct Received {
    pub(crate) source: String,
    pub(crate) received: Count,
    pub(crate) handed: Count,
    waiting: AtomicU64,
}

impl Received {
    /// How many are in hand, as seen where they lie.
    pub(crate) fn waiting(&self, n: usize) {
        self.waiting.store(n as u64, Relaxed);
    }
}

/// All counters of an app.
#[derive(Default)]
pub(crate) struct Ledger {
    messages: Mutex<Vec<Arc<Messages>>>,
    outputs: Mutex<Vec<Arc<Outputs>>>,
    received: Mutex<Vec<Arc<Received>>>,
    evictions: Mutex<Vec<Arc<Evictions>>>,
}

impl Ledger {
    pub(crate) fn received(&self, source: &str) -> Arc<Received> {
        let row = Arc::new(Received { source: source.to_owned(), ..Received::default() });
        lock(&self.received).push(row.clone());
        row
    }

    /// How many messages were taken so far, if none is under way but what foreign pipes keep until more comes.
    pub(crate) fn at_rest(&self, kept_by_foreign_pipes: u64) -> Option<u64> {
        let (mut taken, mut open) = (0_u64, 0_u64);
        for row in &*lock(&self.messages) {
            taken = taken.wrapping_add(row.taken.get());
            open = open.wrapping_add(row.open());
        }
        (open <= kept_by_foreign_pipes).then_some(taken)
    }

    pub(crate) fn messages(&self, source: &str, handler: &str) -> Arc<Messages> {
        let row = Messages { source: source.to_owned(), handler: handler.to_owned(), ..Messages::default() };
        let row = Arc::new(row);
        lock(&self.messages).push(row.clone());
        row
    }

    pub(crate) fn outputs(&self, handler: &str, sink: &str) -> Arc<Outputs> {
        let row = Outputs { handler: handler.to_owned(), sink: sink.to_owned(), ..Outputs::default() };
        let row = Arc::new(row);
        lock(&self.outputs).push(row.clone());
        row
    }

    pub(crate) fn evictions(&self, cache: &str) -> Arc<Evictions> {
        let row = Arc::new(Evictions::new(cache));
        lock(&self.evictions).push(row.clone());
        row
    }

    /// The counts as they are now: one row for each (source, handler), and one for each (handler, sink).
    pub(crate) fn report(&self) -> Report {
        let mut report = Report::default();
        for counts in lock(&self.messages).iter().map(|row| row.counts()) {
            let same =
                |row: &&mut MessageCounts| row.source == counts.source && row.handler == counts.handler;
            match report.messages.iter_mut().find(same) {
                Some(row) => row.add(&counts),
                None => report.messages.push(counts),
            }
        }
        for counts in lock(&self.outputs).iter().map(|row| row.counts()) {
            let same = |row: &&mut OutputCounts| row.handler == counts.handler && row.sink == counts.sink;
            match report.outputs.iter_mut().find(same) {
                Some(row) => row.add(&counts),
                None => report.outputs.push(counts),
            }
        }
        report.sources = lock(&self.received).iter().map(|row| row.counts()).collect();
        report.evicted = lock(&self.evictions).iter().map(|row| row.counts()).collect();
        report
    }
}

impl Messages {
    /// How many are under way.
    pub(crate) fn open(&self) -> u64 {
        // Those that left first, as in a gauge. A lane may have taken back more than it took itself.
        let left = self.left.0.load(Acquire);
        self.taken.get().wrapping_add(self.came.get()).wrapping_sub(left)
    }

    fn counts(&self) -> MessageCounts {
        MessageCounts {
            source: self.source.clone(),
            handler: self.handler.clone(),
            taken: self.taken.get(),
            done: self.done.get(),
            filtered: self.filtered.get(),
            skipped: self.skipped.get(),
            dead: self.dead.get(),
            superseded: self.superseded.get(),
            held: self.held.get(),
            absorbed: self.absorbed.get(),
            open: self.open(),
            conflicts: self.conflicts.get(),
            retries: self.retries.get(),
        }
    }
}

impl Outputs {
    fn counts(&self) -> OutputCounts {
        OutputCounts {
            handler: self.handler.clone(),
            sink: self.sink.clone(),
            offered: self.offered.get(),
            delivered: self.delivered.get(),
            failed: self.failed.get(),
            withdrawn: self.withdrawn.get(),
            open: self.open.get().wrapping_add(self.in_hand.get()),
        }
    }
}

impl Received {
    fn counts(&self) -> SourceCounts {
        SourceCounts {
            source: self.source.clone(),
            received: self.received.get(),
            handed: self.handed.get(),
            waiting: self.waiting.load(Relaxed),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// What became of the messages that one handler took from one source.
///
/// `taken = done + filtered + skipped + dead + superseded + absorbed + held + open`; conflicts and retries are calls that were made
/// again, not messages.
///
/// ```
/// # slipstream::doc_test(async {
/// use slipstream::prelude::*;
///
/// #[handle(source = 0..4_u32, sink = [print])]
/// fn even(n: u32) -> Option<u32> { (n % 2 == 0).then_some(n) }
///
/// let app = slipstream::testing::app().handler(even).start().await?;
/// app.wait().await?;
/// let counts = app.report().handler("even");
/// assert_eq!((counts.taken, counts.done, counts.filtered), (4, 2, 2));
/// assert_eq!(counts.accounted(), counts.taken);
/// # Ok(()) });
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageCounts {
    /// The source's name.
    pub source: String,
    /// The handler's name.
    pub handler: String,
    /// Messages that the source handed to the handler's pipe.
    pub taken: u64,
    /// Messages whose calls ended well.
    pub done: u64,
    /// Messages that a pipe of ours left out, or for which the handler returned `None`.
    pub filtered: u64,
    /// Messages that failed and were skipped by policy.
    pub skipped: u64,
    /// Messages that failed and went to a dead-letter topic.
    pub dead: u64,
    /// Messages that were in hand when a seek moved their position: nothing of their steps is seen.
    pub superseded: u64,
    /// Messages that a pipe of ours is keeping for later.
    pub held: u64,
    /// Messages that a pipe which is not ours took in without an output of their own.
    pub absorbed: u64,
    /// Messages under way: in a queue, in a pipe's hands, or in a call that has not ended, or panicked in a pipe.
    pub open: u64,
    /// Calls that were made again because another step changed what they had read.
    pub conflicts: u64,
    /// Calls that were made again by policy.
    pub retries: u64,
}

impl MessageCounts {
    /// The sum of all that can become of a message.
    ///
    /// ```
    /// assert_eq!(slipstream::MessageCounts::default().accounted(), 0);
    /// ```
    pub fn accounted(&self) -> u64 {
        let ended = self.done + self.filtered + self.skipped + self.dead + self.superseded;
        ended + self.absorbed + self.held + self.open
    }

    /// Wraps, since a lane may take back what another has counted.
    fn add(&mut self, other: &MessageCounts) {
        self.taken = self.taken.wrapping_add(other.taken);
        self.done = self.done.wrapping_add(other.done);
        self.filtered = self.filtered.wrapping_add(other.filtered);
        self.skipped = self.skipped.wrapping_add(other.skipped);
        self.dead = self.dead.wrapping_add(other.dead);
        self.superseded = self.superseded.wrapping_add(other.superseded);
        self.held = self.held.wrapping_add(other.held);
        self.absorbed = self.absorbed.wrapping_add(other.absorbed);
        self.open = self.open.wrapping_add(other.open);
        self.conflicts = self.conflicts.wrapping_add(other.conflicts);
        self.retries = self.retries.wrapping_add(other.retries);
    }
}

/// What became of the outputs that one handler offered to one sink.
///
/// `offered = delivered + failed + withdrawn + open`.
///
/// ```
/// # slipstream::doc_test(async {
/// use slipstream::prelude::*;
///
/// #[handle(source = 0..3_u32, sink = [print])]
/// fn show(n: u32) -> u32 { n }
///
/// let app = slipstream::testing::app().handler(show).start().await?;
/// app.wait().await?;
/// let counts = app.report().sink("show", "print");
/// assert_eq!((counts.offered, counts.delivered, counts.failed), (3, 3, 0));
/// # Ok(()) });
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutputCounts {
    /// The handler's name.
    pub handler: String,
    /// The sink's name; with a number, from the second of that name on, as `print 2`.
    pub sink: String,
    /// Outputs that the handler handed to the sink.
    pub offered: u64,
    /// Outputs that the sink took: a call that ended well, a row that became visible, a record that was acknowledged.
    pub delivered: u64,
    /// Outputs that the sink refused.
    pub failed: u64,
    /// Outputs that were taken back unseen, because their step failed or was run again.
    pub withdrawn: u64,
    /// Outputs under way.
    pub open: u64,
}

impl OutputCounts {
    /// The sum of all that can become of an output.
    ///
    /// ```
    /// assert_eq!(slipstream::OutputCounts::default().accounted(), 0);
    /// ```
    pub fn accounted(&self) -> u64 {
        self.delivered + self.failed + self.withdrawn + self.open
    }

    fn add(&mut self, other: &OutputCounts) {
        self.offered = self.offered.wrapping_add(other.offered);
        self.delivered = self.delivered.wrapping_add(other.delivered);
        self.failed = self.failed.wrapping_add(other.failed);
        self.withdrawn = self.withdrawn.wrapping_add(other.withdrawn);
        self.open = self.open.wrapping_add(other.open);
    }
}

/// What became of the records that a topic was read with: `received = handed + waiting`.
///
/// ```
/// # slipstream::doc_test(async {
/// use slipstream::prelude::*;
/// use slipstream::testing::Broker;
/// static WORDS: Topic<String, u64> = Topic::new("words").start(Start::Earliest).until_end();
///
/// #[handle(source = WORDS)]
/// fn look(_n: &u64) {}
///
/// let broker = Broker::new();
/// broker.write("words", Some(b"a"), Some(b"1")).await?;
/// let app = broker.app().handler(look).start().await?;
/// app.wait().await?;
/// let counts = &app.report().sources[0];
/// assert_eq!((counts.source.as_str(), counts.received, counts.handed), ("words", 1, 1));
/// # Ok(()) });
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceCounts {
    /// The source's name.
    pub source: String,
    /// Records that the log delivered to the lane.
    pub received: u64,
    /// Records that the lane handed to its handlers.
    pub handed: u64,
    /// Records of a batch that are still to be handed on.
    pub waiting: u64,
}

impl SourceCounts {
    /// The sum of all that can become of a record.
    ///
    /// ```
    /// assert_eq!(slipstream::SourceCounts::default().accounted(), 0);
    /// ```
    pub fn accounted(&self) -> u64 {
        self.handed + self.waiting
    }
}

/// Both ledgers of an app at one moment.
///
/// ```
/// # slipstream::doc_test(async {
/// use slipstream::prelude::*;
/// use slipstream::testing;
/// let app = testing::app().start_idle().await?;
/// assert!(app.report().conserved().is_ok());
/// # Ok(()) });
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// One row for each source and handler.
    pub messages: Vec<MessageCounts>,
    /// One row for each handler and sink.
    pub outputs: Vec<OutputCounts>,
    /// One row for each topic that is read.
    pub sources: Vec<SourceCounts>,
    /// One row for each cache with a bound, once it is used.
    pub evicted: Vec<Evicted>,
}

impl Report {
    /// Checks both identities, and says which row breaks one.
    ///
    /// # Errors
    /// The rows whose columns do not add up, one a line.
    pub fn conserved(&self) -> Result<(), String> {
        let messages = self.messages.iter().filter(|row| row.taken != row.accounted());
        let outputs = self.outputs.iter().filter(|row| row.offered != row.accounted());
        let sources = self.sources.iter().filter(|row| row.received != row.accounted());
        let broken: Vec<String> = messages
            .map(|row| format!("{row:?} accounts for {}", row.accounted()))
            .chain(outputs.map(|row| format!("{row:?} accounts for {}", row.accounted())))
            .chain(sources.map(|row| format!("{row:?} accounts for {}", row.accounted())))
            .collect();
        if broken.is_empty() { Ok(()) } else { Err(broken.join("\n")) }
    }

    /// Checks that nothing is under way any more, as it must be when an app has ended well. What a topic delivered and
    /// nobody took is not under way: it will be read again.
    ///
    /// # Errors
    /// The rows that have something open, one a line.
    pub fn settled(&self) -> Result<(), String> {
        let messages = self.messages.iter().filter(|row| row.open != 0).map(|row| format!("{row:?}"));
        let outputs = self.outputs.iter().filter(|row| row.open != 0).map(|row| format!("{row:?}"));
        let open: Vec<String> = messages.chain(outputs).collect();
        if open.is_empty() { Ok(()) } else { Err(open.join("\n")) }
    }

    /// The counts of a handler, over all its sources.
    pub fn handler(&self, name: &str) -> MessageCounts {
        let mut total = MessageCounts { handler: name.to_owned(), ..MessageCounts::default() };
        for row in self.messages.iter().filter(|row| row.handler == name) {
            total.source.clone_from(&row.source);
            total.add(row);
        }
        total
    }

    /// The counts of a handler's sink.
    pub fn sink(&self, handler: &str, sink: &str) -> OutputCounts {
        let row = self.outputs.iter().find(|row| row.handler == handler && row.sink == sink);
        row.cloned().unwrap_or_default()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for m in &self.messages {
            writeln!(
                f,
                "{} -> {}: taken {} done {} filtered {} skipped {} dead {} superseded {} absorbed {} held {} open {} \
                 (conflicts {} retries {})",
                m.source,
                m.handler,
                m.taken,
                m.done,
                m.filtered,
                m.skipped,
                m.dead,
                m.superseded,
                m.absorbed,
                m.held,
                m.open,
                m.conflicts,
                m.retries
            )?;
        }
        for o in &self.outputs {
            writeln!(
                f,
                "{} -> {}: offered {} delivered {} failed {} withdrawn {} open {}",
                o.handler, o.sink, o.offered, o.delivered, o.failed, o.withdrawn, o.open
            )?;
        }
        for e in &self.evicted {
            writeln!(f, "{}: evicted, expired {} over max_bytes {}", e.cache, e.expired, e.over_max_bytes)?;
        }
        Ok(())
    }
}
