//! Many outputs in one call, as databases want it.

use super::function::{Answer, Fits, Settles};
use super::{InHand, Ready, Resource, Sending, Shown};
use crate::needs::Needs;
use crate::step::{Delivery, Interrupt, Step};
use futures_util::FutureExt as _;
use std::marker::PhantomData;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// A sink that takes many outputs at once: see [`batch()`].
///
/// ```
/// use slipstream::prelude::*;
///
/// fn insert_all(_rows: Vec<u32>) {}
/// let _a_sink = slipstream::batch(500, millis(50), insert_all);
/// ```
pub struct Batch<F, T, R> {
    most: usize,
    wait: Duration,
    /// Taken by the first output of a lane, and called for all that follow.
    insert: Mutex<Option<F>>,
    call: fn(&F, Vec<T>) -> R,
}

/// Collects what a handler sends, and calls a function with up to `most` outputs at once: as soon as there are so many,
/// when the first of them has waited for so long, or when a commit needs it.
///
/// The function takes a `Vec` of the outputs, is sync or async, and returns nothing or a `Result` of nothing. An output
/// is in the batch when its step has ended, and the position of its message is committed only when the call with it has
/// ended well: after a crash what was not committed is sent again, so that the function should bear to see an output
/// twice. Outputs of one lane stay in order, and its calls do not overlap. A call that fails or panics is made again by
/// the handler's `on_error = retry(..)`, which needs outputs with `Clone`; then the app stops, whatever else the policy
/// says. A lane waits before its next message while two full batches wait. With `concurrency = n` each lane has a batch
/// of its own.
///
/// The calls are made beside the steps, not inside of one: what the function writes into a cache is a step of its own,
/// the handler's `timeout` is not about it, and a sync one holds up its thread.
///
/// ```
/// # slipstream::doc_test(async {
/// use slipstream::prelude::*;
/// use std::sync::Mutex;
///
/// static TABLE: Mutex<Vec<(u32, u32)>> = Mutex::new(Vec::new());
///
/// async fn insert_all(rows: Vec<(u32, u32)>) -> Result<()> {
///     TABLE.lock().unwrap().extend(rows); // one round trip for many rows
///     Ok(())
/// }
///
/// #[handle(source = 0..1200_u32, sink = [batch(500, millis(50), insert_all)])]
/// fn square(n: u32) -> (u32, u32) {
///     (n, n * n)
/// }
///
/// let running = slipstream::testing::app().handler(square).start().await?;
/// running.wait().await?;
/// assert_eq!(TABLE.lock().unwrap().len(), 1200);
/// # Ok(()) });
/// ```
pub fn batch<F, T, R>(most: usize, wait: Duration, insert: F) -> Batch<F, T, R>
where
    F: Fn(Vec<T>) -> R,
{
    Batch { most: most.max(1), wait, insert: Mutex::new(Some(insert)), call: |insert, items| insert(items) }
}

/// A batch as a sink.
pub struct ToBatch<'a, F, T, R>(&'a Batch<F, T, R>);

impl<F, T, R> Resource for Batch<F, T, R> {
    type Kind<'a>
        = ToBatch<'a, F, T, R>
    where
        Self: 'a;

    fn kind(&self) -> ToBatch<'_, F, T, R> {
        ToBatch(self)
    }

    fn declare(&'static self, _: &mut Needs) {}
}

/// Sends outputs to a batch.
struct BatchSink<'a, F, T, R, O, M> {
    batch: &'a Batch<F, T, R>,
    /// How an output is copied, where the policy may ask for it again.
    copy: OnceLock<fn(&O) -> O>,
    markers: PhantomData<fn() -> M>,
}

impl<'a, F, T, R> ToBatch<'a, F, T, R> {
    /// As a sink for these outputs.
    pub fn fit<O, P, M, G>(self, _: Shown<O, P>) -> impl Ready<O> + Sync + use<'a, F, T, R, O, P, M, G>
    where
        Sending: Fits<T, O, G>,
        R: Answer<M>,
        R: Settles<M> + 'static,
        O: Send,
        T: Send + 'static,
        F: Send + Sync + 'static,
        M: 'static,
    {
        BatchSink { batch: self.0, copy: OnceLock::new(), markers: PhantomData::<fn() -> (M, G)> }
    }
}

impl<F, T, R, O, M, G> Ready<O> for BatchSink<'_, F, T, R, O, (M, G)>
where
    Sending: Fits<T, O, G>,
    R: Settles<M> + 'static,
    O: Send,
    T: Send + 'static,
    F: Send + Sync + 'static,
    M: 'static,
{
    fn copied_by(&self, copy: fn(&O) -> O) {
        let _ = self.copy.set(copy); // it is the same each time
    }

    async fn give(&self, item: O, step: &Step, at: usize) -> Result<(), Interrupt> {
        step.at_sink(at);
        let in_hand = InHand::take(step.outputs(at));
        let delivery = || {
            let Batch { most, wait, call, .. } = *self.batch;
            let insert = self.batch.insert.lock().unwrap_or_else(PoisonError::into_inner).take()?;
            let copy = self.copy.get().and_then(|copy| Sending::copy_fit(*copy));
            let call = Box::new(move |items| call(&insert, items).wait().boxed());
            Some(Delivery { most, wait, copy, call })
        };
        step.stage_for_batch(at, Sending::fit(item), delivery)?;
        in_hand.staged();
        Ok(())
    }
}
