//! Lets others run: what never waits, a lane or a pipe that leaves all out, gives the thread away after a time.

use std::future::Future;
use std::pin::pin;
use std::task::Context;
use std::time::{Duration, Instant};

/// How long a lane keeps its thread, as in the Python original.
const BUDGET: Duration = Duration::from_millis(2);

/// How many messages may pass between two looks at the clock, when they are fast.
const MOST: u32 = 32;

/// Looks at the clock every few messages: more often the longer they take.
pub(crate) struct Breath {
    since: Instant,
    last: Instant,
    left: u32,
    stride: u32,
}

impl Breath {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Breath { since: now, last: now, left: 1, stride: 1 }
    }

    /// One more message, or one that was left out; `true` if it is time to let others run.
    #[inline]
    pub(crate) fn is_out(&mut self) -> bool {
        self.left -= 1;
        self.left == 0 && self.look()
    }

    #[cold]
    #[inline(never)]
    fn look(&mut self) -> bool {
        let now = Instant::now();
        let took = now - self.last;
        self.last = now;
        // At the measured pace the next look comes within a tenth of the budget.
        self.stride = if took * 10 > BUDGET { 1 } else { (self.stride * 2).min(MOST) };
        self.left = self.stride;
        now - self.since >= BUDGET
    }

    /// One more, within a poll: `true` if the caller is to return `Pending`; it is polled again when others have had
    /// their turn. A plain waking would have it run before the timers are looked at.
    #[cold]
    #[inline(never)]
    pub(crate) fn gives_way(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.is_out() {
            return false;
        }
        self.begin();
        let _ = pin!(tokio::task::yield_now()).poll(cx);
        true
    }

    /// The lane has waited: its time begins anew.
    pub(crate) fn begin(&mut self) {
        let now = Instant::now();
        self.since = now;
        self.last = now;
    }
}

/// For what mostly ends soon: looks at the clock only when it has gone on for a while.
#[derive(Default)]
pub(crate) struct Patience {
    passed: u32,
    breath: Option<Breath>,
}

impl Patience {
    /// One more, and others' turn if it is time.
    #[inline]
    pub(crate) async fn take(&mut self) {
        const SOON: u32 = 8;
        self.passed += 1;
        if self.passed <= SOON {
            return;
        }
        self.passed = SOON; // it only goes up to there
        let breath = self.breath.get_or_insert_with(Breath::new);
        if breath.is_out() {
            tokio::task::yield_now().await;
            breath.begin();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_messages_are_looked_at_one_by_one() {
        let mut breath = Breath::new();
        for _ in 0..1000 {
            breath.is_out();
        }
        assert_eq!(breath.stride, MOST);
        let mut calls = 0;
        breath.begin();
        while !breath.is_out() {
            std::thread::sleep(Duration::from_millis(1));
            calls += 1;
        }
        breath.begin();
        let mut again = 0;
        while !breath.is_out() {
            std::thread::sleep(Duration::from_millis(1));
            again += 1;
        }
        assert!(calls <= MOST, "{calls}");
        // Of a millisecond or more each, however busy the machine is.
        assert!(again < 8, "{again}");
    }
}
