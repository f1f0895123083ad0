//! The lane of a shared source: hands each message to its handlers, one after another, in lockstep.

use crate::error::{Error, Result};
use crate::flow::{Lent, Parcel, Slot};
use crate::gate::Gate;
use crate::ledger::Messages;
use crate::pulled::{At, Fault, Opened, Pulled};
use futures_util::StreamExt as _;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::{SendError, TrySendError};

/// A message as a handler takes it: its own, or lent.
pub(crate) enum Take<T> {
    Own(T),
    Lent(Lent<T>),
}

/// A handler's own type of message, made from what the source yields.
pub(crate) trait Lend<T>: Sized + Send + 'static {
    /// Whether the handler only looks at its messages.
    const LENDS: bool;

    /// `None` if it was offered the other kind.
    fn take(take: Take<T>) -> Option<Self>;

    /// The source itself, for a handler that has it alone.
    fn opened(source: Opened<T>) -> Opened<Self>;
}

impl<T: Send + 'static> Lend<T> for T {
    const LENDS: bool = false;

    fn take(take: Take<T>) -> Option<T> {
        match take {
            Take::Own(item) | Take::Lent(Lent::One(item)) => Some(item),
            Take::Lent(Lent::Many(_)) => None,
        }
    }

    fn opened(source: Opened<T>) -> Opened<T> {
        source
    }
}

/// A lent message, as a type of its own so that it is not mistaken for a message of that type.
impl<T: Send + Sync + 'static> Lend<T> for Lent<T> {
    const LENDS: bool = true;

    fn take(take: Take<T>) -> Option<Lent<T>> {
        Some(match take {
            Take::Own(item) => Lent::One(item),
            Take::Lent(lent) => lent,
        })
    }

    fn opened(source: Opened<T>) -> Opened<Lent<T>> {
        Box::pin(source.map(|Pulled { item, at }| Pulled { item: item.map(Lent::One), at }))
    }
}

/// One handler of a shared source.
pub(crate) trait Consumer<T>: Send {
    /// Whether it only looks at its messages.
    fn lends(&self) -> bool;

    /// Hands it the next message, or the end.
    fn give(&mut self, next: Option<(Result<Take<T>, Fault>, Option<At>)>, cx: &mut Context<'_>);

    /// Ready when it wants the next message, or is finished for good.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>>;

    /// Whether it takes no more.
    fn is_finished(&self) -> bool;
}

/// A handler's future in the lane's own task.
pub(crate) struct Inline<U> {
    pub(crate) slot: Arc<Slot<U>>,
    pub(crate) future: Option<Pin<Box<dyn Future<Output = Result<()>> + Send>>>,
}

impl<T: Send + 'static, U: Lend<T>> Consumer<T> for Inline<U> {
    fn lends(&self) -> bool {
        U::LENDS
    }

    fn give(&mut self, next: Option<(Result<Take<T>, Fault>, Option<At>)>, cx: &mut Context<'_>) {
        self.slot.put(next.and_then(parcel), cx);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let Some(future) = &mut self.future else { return Poll::Ready(Ok(())) };
        match future.as_mut().poll(cx) {
            Poll::Ready(done) => {
                self.future = None;
                Poll::Ready(done)
            }
            Poll::Pending if self.slot.is_hungry() => Poll::Ready(Ok(())),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_finished(&self) -> bool {
        self.future.is_none()
    }
}

type Reserve<U> = Pin<Box<dyn Future<Output = Result<mpsc::OwnedPermit<Parcel<U>>, SendError<()>>> + Send>>;

/// A queue to a handler in a task of its own.
pub(crate) struct Forward<U> {
    sender: Option<mpsc::Sender<Parcel<U>>>,
    counts: Arc<Messages>,
    waiting: Option<Parcel<U>>,
    room: Option<Reserve<U>>,
}

impl<U> Forward<U> {
    pub(crate) fn new(sender: mpsc::Sender<Parcel<U>>, counts: Arc<Messages>) -> Self {
        Forward { sender: Some(sender), counts, waiting: None, room: None }
    }
}

impl<T: Send + 'static, U: Lend<T>> Consumer<T> for Forward<U> {
    fn lends(&self) -> bool {
        U::LENDS
    }

    fn give(&mut self, next: Option<(Result<Take<T>, Fault>, Option<At>)>, _cx: &mut Context<'_>) {
        let Some(parcel) = next.and_then(parcel) else {
            self.sender = None;
            return;
        };
        self.counts.taken.add_shared(1);
        let Some(sender) = &self.sender else { return };
        match sender.try_send(parcel) {
            // The handler is gone only when it failed, and then the app ends.
            Ok(()) | Err(TrySendError::Closed(_)) => {}
            Err(TrySendError::Full(parcel)) => {
                self.waiting = Some(parcel);
                self.room = Some(Box::pin(sender.clone().reserve_owned()));
            }
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let Some(room) = &mut self.room else { return Poll::Ready(Ok(())) };
        let permit = ready!(room.as_mut().poll(cx));
        self.room = None;
        match (permit, self.waiting.take()) {
            (Ok(permit), Some(parcel)) => drop(permit.send(parcel)),
            _ => self.sender = None,
        }
        Poll::Ready(Ok(()))
    }

    fn is_finished(&self) -> bool {
        self.sender.as_ref().is_none_or(mpsc::Sender::is_closed)
    }
}

fn parcel<T, U: Lend<T>>((item, at): (Result<Take<T>, Fault>, Option<At>)) -> Option<Parcel<U>> {
    let item = match item {
        Ok(take) => Ok(U::take(take)?),
        Err(fault) => Err(fault),
    };
    Some(Pulled { item, at })
}

/// The message that is being handed round.
struct Round<T> {
    item: Result<Arc<T>, Fault>,
    at: Option<At>,
    next: usize,
    offered: bool,
}

/// Pulls from a source, and hands each message round.
pub(crate) struct Pump<T> {
    source: Opened<T>,
    gate: Arc<Gate>,
    consumers: Vec<Box<dyn Consumer<T>>>,
    copy: Option<fn(&T) -> T>,
    round: Option<Round<T>>,
    closing: bool,
    /// What stops the lane, when all have come to the end of what they were handed.
    error: Option<Error>,
}

impl<T: Send + Sync + 'static> Pump<T> {
    pub(crate) fn new(
        source: Opened<T>,
        gate: Arc<Gate>,
        consumers: Vec<Box<dyn Consumer<T>>>,
        copy: Option<fn(&T) -> T>,
    ) -> Self {
        Pump { source, gate, consumers, copy, round: None, closing: false, error: None }
    }

    /// Hands the message in hand to each handler that has not had it.
    fn poll_round(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(mut round) = self.round.take() else { return Poll::Ready(()) };
        while round.next < self.consumers.len() {
            let last = round.next + 1 == self.consumers.len();
            let consumer = &mut self.consumers[round.next];
            if !round.offered && !consumer.is_finished() {
                let item = match &mut round.item {
                    Err(fault) => Err(fault.copy()),
                    Ok(item) if consumer.lends() => Ok(Take::Lent(Lent::Many(item.clone()))),
                    Ok(_) if last => match take_out(&mut round.item, self.copy) {
                        Some(item) => Ok(Take::Own(item)),
                        None => Err(Fault::cannot_copy()),
                    },
                    Ok(item) => match self.copy {
                        Some(copy) => Ok(Take::Own(copy(item))),
                        None => Err(Fault::cannot_copy()),
                    },
                };
                consumer.give(Some((item, round.at)), cx);
                round.offered = true;
            }
            match consumer.poll(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => drop(self.error.get_or_insert(error)),
                Poll::Pending => {
                    self.round = Some(round);
                    return Poll::Pending;
                }
            }
            round.next += 1;
            round.offered = false;
        }
        Poll::Ready(())
    }

    /// Lets all handlers run; ready when none is in the middle of something.
    fn poll_all(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut pending = false;
        for consumer in &mut self.consumers {
            match consumer.poll(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => drop(self.error.get_or_insert(error)),
                Poll::Pending => pending = true,
            }
        }
        if pending { Poll::Pending } else { Poll::Ready(()) }
    }

    /// How the lane ends.
    fn ended(&mut self) -> Poll<Result<()>> {
        if self.error.is_some() {
            // So that those behind queues do not take it for the end of the source.
            self.gate.drain();
        }
        Poll::Ready(self.error.take().map_or(Ok(()), Err))
    }

    /// The next message of the source; what it panics with ends the lane.
    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Option<Pulled<T>>> {
        catch_unwind(AssertUnwindSafe(|| self.source.as_mut().poll_next(cx))).unwrap_or_else(|panic| {
            self.error.get_or_insert(Error::panicked("the source", &*panic));
            Poll::Pending
        })
    }

    /// Tells all handlers that the source has ended, and waits for them.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        for consumer in &mut self.consumers {
            consumer.give(None, cx);
        }
        ready!(self.poll_all(cx));
        if self.consumers.iter().all(|consumer| consumer.is_finished()) {
            self.ended()
        } else {
            Poll::Pending
        }
    }
}

/// The last handler by value gets the message itself, if nobody else still has it.
fn take_out<T>(item: &mut Result<Arc<T>, Fault>, copy: Option<fn(&T) -> T>) -> Option<T> {
    let taken = std::mem::replace(item, Err(Fault::cannot_copy()));
    match Arc::try_unwrap(taken.ok()?) {
        Ok(item) => Some(item),
        Err(item) => copy.map(|copy| copy(&item)),
    }
}

impl<T: Send + Sync + 'static> Future for Pump<T> {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let mut fresh = true;
        loop {
            if self.closing {
                return self.poll_close(cx);
            }
            ready!(self.poll_round(cx));
            if std::mem::take(&mut fresh) {
                // Woken for a timer in a pipe, perhaps: everyone may run once.
                let _ = self.poll_all(cx);
            }
            if self.error.is_some() {
                ready!(self.poll_all(cx));
                return self.ended();
            }
            if self.consumers.iter().all(|consumer| consumer.is_finished()) {
                return Poll::Ready(Ok(()));
            }
            if !self.gate.is_open() {
                if self.gate.is_draining() {
                    ready!(self.poll_all(cx));
                    return self.ended();
                }
                self.gate.watch(cx);
                if !self.gate.is_open() {
                    return Poll::Pending;
                }
            }
            match self.poll_source(cx) {
                Poll::Ready(Some(Pulled { item, at })) => {
                    self.round = Some(Round { item: item.map(Arc::new), at, next: 0, offered: false });
                }
                Poll::Ready(None) => self.closing = true,
                Poll::Pending if self.error.is_some() => {}
                Poll::Pending => {
                    self.gate.watch(cx);
                    return if self.gate.is_open() { Poll::Pending } else { continue };
                }
            }
        }
    }
}
