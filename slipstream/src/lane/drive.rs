//! Drives a lane's loop: catches what goes wrong in it, settles that, and lets the loop go on.

use super::{Bench, Lane};
use crate::error::{Error, ErrorKind, Result};
use crate::step::{Interrupt, Stage, Step};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::PoisonError;
use std::task::{Context, Poll};

/// Runs the loop until it ends by itself, or the policy says stop.
pub(crate) async fn drive<S, T, D, F, Fut>(mut work: Box<Bench<S, T, D>>, step: Step, run: F) -> Result<()>
where
    F: Fn(Lane<S, T, D>, Step) -> Fut,
    Fut: Future<Output = Result<(), Interrupt>>,
{
    let dock = super::Dock::default();
    loop {
        let mut running = Box::pin(run(Lane::new(work, &dock), step.clone()));
        let mut timer = Timer::default();
        let done = poll_fn(|cx| poll_guarded(running.as_mut(), &step, &mut timer, cx)).await;
        drop(running);
        let docked = dock.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (Err(interrupt), Some(docked)) = (done, docked) else {
            step.app().leaves(&step.about().name);
            return Ok(());
        };
        work = docked;
        if matches!(interrupt, Interrupt::Drained) {
            work.step.cut_short(work.count());
            return Ok(());
        }
        work.settle(interrupt).await?;
    }
}

/// Polls the loop; a panic and running out of time are errors like any other.
fn poll_guarded<Fut>(
    running: Pin<&mut Fut>,
    step: &Step,
    timer: &mut Timer,
    cx: &mut Context<'_>,
) -> Poll<Result<(), Interrupt>>
where
    Fut: Future<Output = Result<(), Interrupt>>,
{
    match catch_unwind(AssertUnwindSafe(|| running.poll(cx))) {
        Ok(Poll::Pending) => timer.poll(step, cx).map(Err),
        Ok(done) => done,
        Err(panic) => Poll::Ready(Err(Interrupt::panicked(&*panic))),
    }
}

/// Measures how long the call under way has taken, where the handler has a `timeout`.
#[derive(Default)]
struct Timer {
    /// The message that the call is for, by its number, and what ends when it has taken too long.
    running: Option<(u64, Pin<Box<dyn Future<Output = ()> + Send>>)>,
}

impl Timer {
    fn poll(&mut self, step: &Step, cx: &mut Context<'_>) -> Poll<Interrupt> {
        let Some(limit) = step.about().timeout else { return Poll::Pending };
        if step.stage() == Stage::Pipe || step.is_resting() {
            self.running = None;
            return Poll::Pending;
        }
        let call = step.calls();
        if self.running.as_ref().is_none_or(|(for_call, _)| *for_call != call) {
            let clock = step.app().clock.clone();
            self.running = Some((call, Box::pin(async move { clock.sleep(limit).await })));
        }
        let Some((_, sleep)) = &mut self.running else { return Poll::Pending };
        sleep.as_mut().poll(cx).map(|()| {
            let text = format!("took longer than its timeout of {limit:?}");
            Interrupt::Failed(Error::new(ErrorKind::TimedOut, text))
        })
    }
}
