//! Writing: one idempotent producer, its acknowledgements on a thread of its own, and an overflow that keeps the order.

use super::context::Voice;
use super::settings::{self, Settings};
use crate::error::{Error, ErrorKind, Result};
use crate::log::{Ack, LARGER, Outgoing, Stalled, Tell, Written};
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext, PurgeConfig};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Who writes takes acknowledgements with each of so many records: what librdkafka has allocated for a record on that
/// thread is freed on it, too. On another thread both waited for the allocator's lock, which was a fifth of a count's cost.
const OFTEN: usize = 64;
/// How many records are moved out of the overflow before others get at its lock.
const SLICE: usize = 512;
/// After this long without a delivery, beside what records linger by themselves, those who write are told; much longer
/// than a broker that is there needs.
const STALL: Duration = Duration::from_secs(2);
/// How long a closed producer collects what became of the records that it gave up.
const AFTERMATH: Duration = Duration::from_secs(1);

/// What a record carries through librdkafka: its acknowledgement.
type Carried = Arc<Tell>;
type Refused = (Ack, Error);

/// What became of a record that was offered to librdkafka.
enum Offered {
    Taken,
    NoRoom(Outgoing, Ack),
    Refused(Ack, Error),
}

/// Writes records and calls their acknowledgements.
pub(super) struct Producer {
    client: BaseProducer<Context>,
    /// What librdkafka had no room for. While it is not empty everything goes through it, which keeps the order.
    overflow: Mutex<VecDeque<(Outgoing, Ack)>>,
    flight: Arc<Flight>,
    room: usize,
    stall: Duration,
    stopped: AtomicBool,
    sent: AtomicUsize,
    /// Whether those who write have taken acknowledgements lately.
    attended: AtomicBool,
    /// Told when deliveries stall, and when they go on.
    tell: OnceLock<Stalled>,
}

/// What the context and the producer share.
#[derive(Default)]
struct Flight {
    count: AtomicUsize,
    /// How many were delivered, or have failed.
    over: AtomicUsize,
    overflowing: AtomicBool,
    closed: AtomicBool,
    fatal: OnceLock<String>,
}

struct Context {
    voice: Voice,
    flight: Arc<Flight>,
}

impl Producer {
    /// Makes a producer for one topic, or for all that have no settings of their own; its thread calls `beside` now and
    /// then.
    pub(super) fn new(
        settings: &Settings,
        topic: Option<&str>,
        voice: &Voice,
        beside: impl Fn() + Send + 'static,
    ) -> Result<Arc<Self>> {
        let flight = Arc::<Flight>::default();
        let context = Context { voice: voice.another(), flight: flight.clone() };
        let producer = Arc::new(Producer {
            client: settings::client(&settings.producer(topic), context)?,
            overflow: Mutex::default(),
            flight,
            // A step may write more than one record, and what is under way must be enough for the network.
            room: settings.queue(topic) / 2,
            stall: STALL + settings.linger(topic),
            stopped: AtomicBool::new(false),
            sent: AtomicUsize::new(0),
            attended: AtomicBool::new(false),
            tell: OnceLock::new(),
        });
        let polled = producer.clone();
        super::spawn("slipstream-kafka-producer", move || polled.poll(beside))?;
        Ok(producer)
    }

    /// Sends a record, after those before it; never blocks.
    pub(super) fn produce(&self, record: Outgoing, ack: Ack) {
        self.flight.count.fetch_add(1, Ordering::AcqRel);
        let refused = {
            let mut overflow = self.overflow();
            if let Some(error) = self.refusal(&record) {
                Some((ack, error))
            } else if overflow.is_empty() {
                match self.send(record, ack) {
                    Offered::Taken => None,
                    Offered::NoRoom(record, ack) => {
                        overflow.push_back((record, ack));
                        self.flight.overflowing.store(true, Ordering::Release);
                        None
                    }
                    Offered::Refused(ack, error) => Some((ack, error)),
                }
            } else {
                overflow.push_back((record, ack));
                None
            }
        };
        self.flight.refuse(refused);
        if self.sent.fetch_add(1, Ordering::Relaxed).is_multiple_of(OFTEN) {
            self.attended.store(true, Ordering::Relaxed);
            self.client.poll(Duration::ZERO);
        }
    }

    pub(super) fn in_flight(&self) -> usize {
        self.flight.count.load(Ordering::Acquire)
    }

    /// Not while half of librdkafka's queue is under way, or it is full, be it of records or of bytes.
    pub(super) fn has_room(&self) -> bool {
        !self.flight.overflowing.load(Ordering::Acquire) && self.in_flight() <= self.room
    }

    /// Only one can be told.
    pub(super) fn on_stall(&self, tell: Stalled) {
        let _ = self.tell.set(tell);
    }

    /// The reason why nothing more can be written, if there is one.
    pub(super) fn fatal(&self) -> Option<&str> {
        self.flight.fatal.get().map(String::as_str)
    }

    pub(super) fn refuse_all(&self) {
        self.flight.closed.store(true, Ordering::Release);
    }

    /// Takes no more records, and waits for what is under way; what is not done then fails.
    pub(super) fn close(&self, deadline: Instant) {
        self.refuse_all();
        while self.in_flight() > 0 && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.stopped.store(true, Ordering::Release);
    }

    /// Offers a record to librdkafka, which copies it.
    fn send(&self, record: Outgoing, ack: Ack) -> Offered {
        let mut message = BaseRecord::with_opaque_to(&record.topic, ack.0);
        message.partition = record.partition.map(|partition| i32::try_from(partition).unwrap_or(i32::MAX));
        message.key = record.key.as_deref();
        message.payload = record.value.as_deref();
        message.timestamp = record.timestamp;
        if !record.headers.is_empty() {
            let headers = OwnedHeaders::new_with_capacity(record.headers.len());
            message.headers = Some(record.headers.iter().fold(headers, |headers, (key, value)| {
                headers.insert(Header { key, value: value.as_deref() })
            }));
        }
        let Err((error, message)) = self.client.send(message) else { return Offered::Taken };
        let ack = Ack(message.delivery_opaque);
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) {
            return Offered::NoRoom(record, ack);
        }
        Offered::Refused(ack, self.flight.error(&record.topic, error))
    }

    /// Why a record cannot even be tried.
    fn refusal(&self, record: &Outgoing) -> Option<Error> {
        let topic = &record.topic;
        if self.flight.closed.load(Ordering::Acquire) {
            return Some(Error::new(ErrorKind::Log, format!("topic `{topic}`: the log is closed")));
        }
        // rdkafka panics on these.
        let bad = record.headers.iter().any(|(name, _)| name.contains('\0'));
        bad.then(|| {
            Error::new(ErrorKind::Log, format!("topic `{topic}`: a header's name contains a zero byte"))
        })
    }

    /// Runs acknowledgements until the producer is closed.
    fn poll(&self, beside: impl Fn()) {
        let (mut over, mut since, mut stalls) = (0, Instant::now(), false);
        while !self.stopped.load(Ordering::Acquire) {
            if self.attended.swap(false, Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(1));
                self.client.poll(Duration::ZERO);
            } else {
                let full = self.flight.overflowing.load(Ordering::Acquire);
                self.client.poll(Duration::from_millis(if full { 1 } else { 10 }));
            }
            self.drain();
            if self.fatal().is_some() {
                self.fail();
            }
            beside();
            let now = self.flight.over.load(Ordering::Acquire);
            if now != over || self.in_flight() == 0 {
                (over, since) = (now, Instant::now());
            }
            if stalls != (since.elapsed() > self.stall)
                && let Some(tell) = self.tell.get()
            {
                stalls = !stalls;
                tell(stalls);
            }
        }
        let given_up = Instant::now() + AFTERMATH;
        while self.in_flight() > 0 && Instant::now() < given_up {
            self.fail();
        }
    }

    /// Moves the overflow into librdkafka's queue as far as there is room.
    fn drain(&self) {
        let mut refused = Vec::new();
        let mut overflow = self.overflow();
        for _ in 0..SLICE {
            let Some((record, ack)) = overflow.pop_front() else {
                self.flight.overflowing.store(false, Ordering::Release);
                break;
            };
            match self.send(record, ack) {
                Offered::Taken => {}
                Offered::Refused(ack, error) => refused.push((ack, error)),
                Offered::NoRoom(record, ack) => {
                    overflow.push_front((record, ack));
                    break;
                }
            }
        }
        drop(overflow);
        self.flight.refuse(refused);
    }

    /// Ends all that is under way: nothing more can be written.
    fn fail(&self) {
        let unsent = std::mem::take(&mut *self.overflow());
        self.flight.overflowing.store(false, Ordering::Release);
        let error = |record: Outgoing| self.flight.error(&record.topic, KafkaError::Canceled);
        self.flight.refuse(unsent.into_iter().map(|(record, ack)| (ack, error(record))));
        if self.in_flight() > 0 {
            self.client.purge(PurgeConfig::default().queue().inflight());
            self.client.poll(Duration::from_millis(10));
        }
    }

    fn overflow(&self) -> MutexGuard<'_, VecDeque<(Outgoing, Ack)>> {
        self.overflow.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight {
    /// Calls acknowledgements of records that librdkafka never had; without any lock, since they may write again.
    fn refuse(&self, refused: impl IntoIterator<Item = Refused>) {
        for (ack, error) in refused {
            self.ended();
            ack.tell(Err(error));
        }
    }

    /// It is known what became of a record.
    fn ended(&self) {
        self.over.fetch_add(1, Ordering::AcqRel);
        self.count.fetch_sub(1, Ordering::AcqRel);
    }

    fn error(&self, topic: &str, error: KafkaError) -> Error {
        let message = match self.fatal.get() {
            Some(fatal) => format!("topic `{topic}`: nothing more can be written: {fatal}"),
            None if error.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageSizeTooLarge) => {
                format!("topic `{topic}`: a record is larger than the broker takes: {LARGER}")
            }
            None => format!("topic `{topic}`: a record was not written"),
        };
        Error::caused(ErrorKind::Log, message, error)
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.voice.log(level, facility, text);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        self.voice.stats_raw(statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        let fatal = error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal);
        self.voice.error(error, reason);
        if fatal {
            // The first one counts.
            let _ = self.flight.fatal.set(self.voice.last());
        }
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = Carried;

    fn delivery(&self, result: &DeliveryResult<'_>, carried: Carried) {
        let result = match result {
            Ok(message) => {
                // A partition of a record that was written is a number from 0.
                let partition = u32::try_from(message.partition()).unwrap_or_default();
                Ok(Written { partition, offset: message.offset() })
            }
            Err((error, message)) => Err(self.flight.error(message.topic(), error.clone())),
        };
        self.flight.ended();
        Ack(carried).tell(result);
    }
}
