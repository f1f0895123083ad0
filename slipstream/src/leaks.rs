//! A leak planted in each stage must make the ledgers fail: else they prove nothing.

use crate::flow::Flow;
use crate::needs::Needs;
use crate::prelude::*;
use crate::pulled::Traced;
use crate::sink::{InHand, Ready, Resource, Shown};
use crate::step::{Interrupt, Step};
use crate::testing;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// A pipe of ours that forgets every third message.
struct Forgets<S>(S, u32);

fn forgets<S, T, D>(flow: Flow<S>) -> Flow<Forgets<S>>
where
    S: Stream<Item = Traced<T, D>> + Unpin,
{
    flow.then(|stages, _| Forgets(stages, 0))
}

impl<S, T, D> Stream for Forgets<S>
where
    S: Stream<Item = Traced<T, D>> + Unpin,
{
    type Item = Traced<T, D>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let next = ready!(Pin::new(&mut self.0).poll_next(cx));
            self.1 += 1;
            if next.is_none() || !self.1.is_multiple_of(3) {
                return Poll::Ready(next);
            }
        }
    }
}

#[handle(source = 0..10_u32, pipe = [forgets])]
fn behind_a_leak(_n: u32) {}

/// A sink that says it took what it never counted, or holds it for ever.
struct Swallows {
    in_hand: bool,
}

struct ToSwallows(bool);

impl Resource for Swallows {
    type Kind<'a> = ToSwallows;

    fn kind(&self) -> ToSwallows {
        ToSwallows(self.in_hand)
    }

    fn declare(&'static self, _: &mut Needs) {}
}

impl ToSwallows {
    fn fit<T: Send, P>(self, _: Shown<T, P>) -> impl Ready<T> + Sync + use<T, P> {
        self
    }
}

impl<T: Send> Ready<T> for ToSwallows {
    async fn give(&self, _: T, step: &Step, at: usize) -> Result<(), Interrupt> {
        if self.0 {
            InHand::take(step.outputs(at)).staged();
        }
        Ok(())
    }
}

static UNCOUNTED: Swallows = Swallows { in_hand: false };
static KEPT: Swallows = Swallows { in_hand: true };

#[handle(source = 0..10_u32, sink = [UNCOUNTED])]
fn to_uncounted(n: u32) -> u32 {
    n
}

#[handle(source = 0..10_u32, sink = [KEPT])]
fn to_kept(n: u32) -> u32 {
    n
}

static WORDS: Topic<u32, u32> = Topic::new("words").start(Start::Earliest).until_end();

#[handle(source = WORDS)]
fn reads(_n: u32) {}

/// What fails, if anything.
async fn broken<F: 'static>(handler: F) -> Option<String> {
    let app = testing::app().on_start(async || WORDS.send((1, 1)).await.map(drop));
    let running = app.handler(handler).start().await.unwrap();
    running.wait().await.unwrap();
    let report = running.report();
    report.conserved().and_then(|()| report.settled()).err()
}

#[tokio::test]
async fn a_pipe_that_forgets_is_found() {
    let broken = broken(behind_a_leak).await.unwrap();
    assert!(broken.contains("taken: 10") && broken.contains("open: 3"), "{broken}");
}

#[tokio::test]
async fn a_sink_that_swallows_is_found() {
    let uncounted = broken(to_uncounted).await.unwrap();
    assert!(uncounted.contains("offered: 10") && uncounted.contains("accounts for 0"), "{uncounted}");
    let kept = broken(to_kept).await.unwrap();
    assert!(kept.contains("open: 10"), "{kept}");
}

#[tokio::test]
async fn without_a_leak_nothing_is_found() {
    assert_eq!(broken(reads).await, None);
}
