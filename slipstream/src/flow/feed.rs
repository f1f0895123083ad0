//! The bottom of every flow: where a handler's messages come in, are counted, and get their place.

use crate::breath::Breath;
use crate::gate::Gate;
use crate::pulled::{Opened, Pulled, Traced};
use crate::step::Step;
use futures_core::Stream;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use tokio::sync::mpsc;

/// A message that is lent to one handler after another: alone, or behind a count of those who have it.
pub enum Lent<T> {
    /// Only this handler gets it.
    One(T),
    /// Other handlers get it too.
    Many(Arc<T>),
}

impl<T> Deref for Lent<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Lent::One(item) => item,
            Lent::Many(item) => item,
        }
    }
}

/// What a handler is handed of one message.
pub(crate) type Parcel<T> = Pulled<T>;

/// Where a feed gets its messages.
pub(crate) enum Supply<T> {
    /// The source itself: this handler is its only one.
    Direct(Opened<T>),
    /// The lane of a shared source puts them here, one at a time.
    Slot(Arc<Slot<T>>),
    /// A queue behind the lane of the source; the lane has counted them.
    Queue(mpsc::Receiver<Parcel<T>>),
}

/// A place for one message, between a shared source's lane and one of its handlers in the same task.
pub(crate) struct Slot<T> {
    inner: Mutex<Inner<T>>,
    hungry: AtomicBool,
}

struct Inner<T> {
    parcel: Option<Parcel<T>>,
    ended: bool,
    waker: Option<Waker>,
}

impl<T> Slot<T> {
    pub(crate) fn new() -> Arc<Self> {
        let inner = Mutex::new(Inner { parcel: None, ended: false, waker: None });
        Arc::new(Slot { inner, hungry: AtomicBool::new(false) })
    }

    /// Puts the next message in, or the end. Whoever polls next is the lane's task itself, so that only a waker of
    /// some other task, which a foreign pipe may have, needs waking.
    pub(crate) fn put(&self, parcel: Option<Parcel<T>>, cx: &Context<'_>) {
        self.hungry.store(false, Relaxed);
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.ended = parcel.is_none();
        inner.parcel = parcel;
        if let Some(waker) = inner.waker.take()
            && !waker.will_wake(cx.waker())
        {
            waker.wake();
        }
    }

    /// Whether the handler has asked for the next message.
    pub(crate) fn is_hungry(&self) -> bool {
        self.hungry.load(Relaxed)
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<Option<Parcel<T>>> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(parcel) = inner.parcel.take() {
            return Poll::Ready(Some(parcel));
        }
        if inner.ended {
            return Poll::Ready(None);
        }
        inner.waker = Some(cx.waker().clone());
        self.hungry.store(true, Relaxed);
        Poll::Pending
    }
}

/// The stream of a handler's messages, as they come from the source.
pub struct Feed<T> {
    supply: Supply<T>,
    gate: Arc<Gate>,
    step: Step,
    breath: Breath,
}

impl<T> Feed<T> {
    pub(crate) fn new(supply: Supply<T>, gate: Arc<Gate>, step: Step) -> Self {
        Feed { supply, gate, step, breath: Breath::new() }
    }

    #[inline]
    fn poll_supply(&mut self, cx: &mut Context<'_>) -> Poll<Option<Parcel<T>>> {
        let Supply::Direct(source) = &mut self.supply else { return self.poll_handed(cx) };
        if !self.gate.is_open() {
            self.gate.watch(cx);
            if !self.gate.is_open() {
                return Poll::Pending;
            }
        }
        source.as_mut().poll_next(cx)
    }

    /// What another lane hands over.
    #[inline(never)]
    fn poll_handed(&mut self, cx: &mut Context<'_>) -> Poll<Option<Parcel<T>>> {
        let polled = match &mut self.supply {
            Supply::Slot(slot) => slot.poll(cx),
            Supply::Queue(_) if self.gate.is_held(cx) => Poll::Pending,
            Supply::Queue(queue) => queue.poll_recv(cx),
            Supply::Direct(source) => source.as_mut().poll_next(cx),
        };
        if matches!(polled, Poll::Ready(None)) {
            self.step.drained();
            if matches!(self.supply, Supply::Queue(_)) && self.gate.is_draining() {
                // The lane stopped because the app drains: that is no end of the source.
                return Poll::Pending;
            }
        }
        polled
    }
}

impl<T> Stream for Feed<T> {
    type Item = Traced<T, ()>;

    #[inline]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let Some(parcel) = std::task::ready!(self.poll_supply(cx)) else { return Poll::Ready(None) };
            let counted = matches!(self.supply, Supply::Queue(_));
            if !self.step.took(parcel.at, counted) {
                if self.breath.gives_way(cx) {
                    return Poll::Pending;
                }
                continue;
            }
            match parcel.item {
                Ok(item) => return Poll::Ready(Some(Traced { item, about: (), count: 1 })),
                Err(fault) => {
                    // The lane applies the policy, since that may take time, and asks again.
                    self.step.fault(fault);
                    self.step.fault_seen_by(cx);
                    return Poll::Pending;
                }
            }
        }
    }
}

impl<T> Unpin for Feed<T> {}

/// What is left in the queue of a handler that has ended was never handed to it.
impl<T> Drop for Feed<T> {
    fn drop(&mut self) {
        let Supply::Queue(queue) = &mut self.supply else { return };
        queue.close();
        while queue.try_recv().is_ok() {
            self.step.untook(1);
        }
    }
}
