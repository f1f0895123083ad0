//! A batch of a lane: what its steps sent to a sink that takes many outputs at once, and the task that hands them over.
//!
//! An output waits with its lane until the step ends, then in line. The task makes one call at a time, and the commit of
//! the step's generation waits for it.

use super::{About, Step};
use crate::clock::{Clock, later};
use crate::error::{Error, ErrorKind, Result};
use crate::ledger::{Messages, Outputs};
use crate::scope::{self, Current, Shared};
use crate::steps::Pending;
use chrono::{DateTime, Utc};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use std::any::Any;
use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// How many full batches may wait before the lane does: one that is next, and one that fills meanwhile.
const FULL: usize = 2;

/// How outputs are handed over.
pub(crate) struct Delivery<T> {
    /// How many at once, at most.
    pub(crate) most: usize,
    /// How long the first of them waits for more.
    pub(crate) wait: Duration,
    /// How they are copied for a call that may have to be made again.
    pub(crate) copy: Option<fn(&T) -> T>,
    pub(crate) call: Box<dyn Fn(Vec<T>) -> BoxFuture<'static, Result<()>> + Send + Sync>,
}

/// A batch, as its lane sees it.
pub(super) trait Batch: Any + Send + Sync {
    /// Whether the lane may go on.
    fn has_room(&self) -> bool;

    /// The step has ended: what it sent waits to be handed over.
    fn accept(&self, pending: &Pending);

    /// The step has failed, or runs again: what it sent is thrown away, and so many outputs it was.
    fn withdraw(&self) -> u64;
}

struct Gathering<T> {
    most: usize,
    wait: Duration,
    outputs: Arc<Outputs>,
    clock: Clock,
    inner: Mutex<Inner<T>>,
    told: Notify,
}

struct Inner<T> {
    /// Of the step under way.
    staged: Vec<T>,
    /// Of steps that have ended, with what counts them and the time.
    waiting: VecDeque<(T, Pending, DateTime<Utc>)>,
    /// A cut waits for those that are counted by this.
    hurried: Option<Pending>,
    /// A call has failed for good: nothing is handed over any more.
    failed: bool,
}

impl<T> Gathering<T> {
    fn inner(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A cut waits for the outputs of its generation: they are handed over at once.
    fn hurry(&self, cut: &Pending) {
        let mut inner = self.inner();
        let is_first = inner.waiting.front().is_some_and(|(_, pending, _)| pending.is(cut));
        if is_first && !inner.hurried.as_ref().is_some_and(|hurried| hurried.is(cut)) {
            inner.hurried = Some(cut.clone());
            self.told.notify_one();
        }
    }

    /// Waits until a call is to be made, and takes what it is made with.
    async fn next(&self) -> (Vec<T>, Vec<Pending>) {
        loop {
            let wait = {
                let mut inner = self.inner();
                let Inner { waiting, hurried, .. } = &mut *inner;
                let first = waiting.front();
                let is_hurried =
                    first.is_some_and(|(_, pending, _)| hurried.as_ref().is_some_and(|cut| pending.is(cut)));
                let left = first.map(|(.., since)| later(*since, self.wait) - self.clock.now());
                let left = left.map(|left| left.to_std().unwrap_or_default());
                if waiting.len() >= self.most || is_hurried || left.is_some_and(|left| left.is_zero()) {
                    let many = waiting.len().min(self.most);
                    return waiting.drain(..many).map(|(item, pending, _)| (item, pending)).unzip();
                }
                left
            };
            match wait {
                None => self.told.notified().await,
                Some(left) => tokio::select! {
                    () = self.told.notified() => {}
                    () = self.clock.sleep(left) => {}
                },
            }
        }
    }

    /// These have an answer.
    fn settled(&self, many: usize, delivered: bool) {
        let column = if delivered { &self.outputs.delivered } else { &self.outputs.failed };
        column.add_shared(many as u64);
        self.outputs.open.sub_shared(many as u64);
    }

    /// Nothing is handed over any more.
    fn fail(&self, in_hand: usize) {
        let mut inner = self.inner();
        inner.failed = true;
        let waiting = std::mem::take(&mut inner.waiting);
        drop(inner);
        self.settled(in_hand + waiting.len(), false);
    }
}

impl<T: Send + 'static> Batch for Gathering<T> {
    fn has_room(&self) -> bool {
        let inner = self.inner();
        // Where nothing is handed over any more the lane is to come to its end.
        inner.failed || inner.waiting.len() < FULL.saturating_mul(self.most)
    }

    fn accept(&self, pending: &Pending) {
        let now = self.clock.now();
        let mut inner = self.inner();
        let Inner { staged, waiting, failed, .. } = &mut *inner;
        if *failed {
            let many = staged.len();
            staged.clear();
            drop(inner);
            return self.settled(many, false);
        }
        let before = waiting.len();
        waiting.extend(staged.drain(..).map(|item| (item, pending.clone(), now)));
        let after = waiting.len();
        let is_told = (before == 0 && after > 0) || (before < self.most && after >= self.most);
        drop(inner);
        if is_told {
            self.told.notify_one();
        }
    }

    fn withdraw(&self) -> u64 {
        let staged = std::mem::take(&mut self.inner().staged);
        staged.len() as u64
    }
}

/// The task that hands a batch over.
struct Courier<T> {
    batch: Arc<Gathering<T>>,
    delivery: Delivery<T>,
    app: Arc<Shared>,
    about: Arc<About>,
    sink: usize,
    /// Counts the calls that are made again: a row of its own, since those of the lane have one writer.
    counts: Option<Arc<Messages>>,
}

impl<T: Send + 'static> Courier<T> {
    async fn run(self) {
        loop {
            let (items, pendings) = self.batch.next().await;
            let many = items.len();
            if let Err(error) = self.deliver(items).await {
                self.batch.fail(many);
                return self.app.fail(self.failed(many, error));
            }
            self.batch.settled(many, true);
            pendings.iter().for_each(Pending::acknowledged);
            // What never waits must not keep the thread.
            tokio::task::yield_now().await;
        }
    }

    /// One batch, and again if it fails and the policy says so.
    async fn deliver(&self, items: Vec<T>) -> Result<()> {
        if let (Some(retry), Some(copy)) = (self.about.policy.retry, self.delivery.copy) {
            for attempt in 0..retry.times {
                match self.call(items.iter().map(copy).collect()).await {
                    Ok(()) => return Ok(()),
                    Err(error) => {
                        let (handler, sink) = (&self.about.name, &self.about.sinks[self.sink]);
                        tracing::warn!(%handler, %sink, %error, "a batch is handed over again");
                    }
                }
                self.counts.iter().for_each(|counts| counts.retries.add(1));
                self.app.clock.sleep(retry.backoff.wait(attempt)).await;
            }
        }
        self.call(items).await
    }

    async fn call(&self, items: Vec<T>) -> Result<()> {
        // In an async block, since a function that is not async is called before anything is polled.
        let called = AssertUnwindSafe(async { (self.delivery.call)(items).await }).catch_unwind();
        called.await.unwrap_or_else(|panic| Err(Error::panicked("the call", &*panic)))
    }

    fn failed(&self, many: usize, error: Error) -> Error {
        let (handler, sink) = (&self.about.name, &self.about.sinks[self.sink]);
        let text = format!(
            "`{handler}` stopped: its sink `{sink}` could not hand over {many} outputs: {error}; no policy passes over \
             that, since nobody has them: mend it and start again, or let it be called again by `on_error = retry(..)`"
        );
        Error::caused(ErrorKind::Stopped, text, error)
    }
}

impl Step {
    /// Sends an output to a batch when the step ends; `delivery` says how, the first time.
    pub(crate) fn stage_for_batch<T: Send + 'static>(
        &self,
        sink: usize,
        item: T,
        delivery: impl FnOnce() -> Option<Delivery<T>>,
    ) -> Result<()> {
        let mut buffers = self.inner.gathered.touch();
        let batch = match self.inner.batches[sink].get() {
            Some(batch) => batch,
            None => {
                let wrong = || Error::new(ErrorKind::Misuse, "a batch was made without a function");
                let batch = self.begin_batch(sink, delivery().ok_or_else(wrong)?);
                self.inner.batches[sink].get_or_init(|| batch)
            }
        };
        let batch: &dyn Any = &**batch;
        let Some(batch) = batch.downcast_ref::<Gathering<T>>() else {
            return Err(Error::new(ErrorKind::Misuse, "a batch changed its type while the app ran"));
        };
        batch.inner().staged.push(item);
        buffers.batched += 1;
        Ok(())
    }

    #[cold]
    fn begin_batch<T: Send + 'static>(&self, sink: usize, delivery: Delivery<T>) -> Arc<dyn Batch> {
        let app = self.app();
        let batch = Arc::new(Gathering {
            most: delivery.most,
            wait: delivery.wait,
            outputs: self.outputs(sink).clone(),
            clock: app.clock.clone(),
            inner: Mutex::new(Inner {
                staged: Vec::new(),
                waiting: VecDeque::new(),
                hurried: None,
                failed: false,
            }),
            told: Notify::new(),
        });
        let about = self.inner.about.clone();
        about.stateful.store(true, Relaxed);
        let counts = delivery.copy.map(|_| app.ledger.messages(self.source(), &about.name));
        let hurried = Arc::downgrade(&batch);
        app.on_cut(Box::new(move |cut| hurried.upgrade().iter().for_each(|batch| batch.hurry(cut))));
        let courier = Courier { batch: batch.clone(), delivery, app: app.clone(), about, sink, counts };
        let inside = Current { app: app.clone(), step: None };
        app.employ(scope::enter(inside, scope::delivering(courier.run())));
        batch
    }

    /// Whether no batch of the lane is so full that it is to wait.
    pub(crate) fn has_room_in_batches(&self) -> bool {
        self.inner.batches.iter().filter_map(|batch| batch.get()).all(|batch| batch.has_room())
    }

    pub(super) fn accept_batched(&self, pending: &Pending) {
        self.inner.batches.iter().filter_map(|batch| batch.get()).for_each(|batch| batch.accept(pending));
    }

    pub(super) fn withdraw_batched(&self) {
        for (outputs, batch) in self.inner.outputs.iter().zip(&self.inner.batches) {
            let Some(batch) = batch.get() else { continue };
            let many = batch.withdraw();
            outputs.open.sub_shared(many);
            outputs.withdrawn.add(many);
        }
    }
}
