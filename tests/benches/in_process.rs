//! The in-process path beside a stream loop with one boxed future a message: `cargo xtask bench in-process`.
//!
//! Both take the same numbers from a fn, add them up, keep every other sum, and give it to a function. Ours counts every
//! message in two ledgers, catches panics and has a failure policy; the loop does nothing but the work. They run in turn,
//! in one process; the last line is how many times as fast ours is.

#![allow(clippy::print_stdout)] // it is its purpose

use futures_util::{Stream, StreamExt as _, stream};
use slipstream::prelude::*;
use slipstream_tests::ratios::spread;
use std::hint::black_box;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

const MESSAGES: u64 = 20_000_000;
const PAIRS: usize = 7;

/// What reached the sink: so that nobody can leave the work out.
static REACHED: AtomicU64 = AtomicU64::new(0);

fn numbers() -> impl Stream<Item = u64> {
    stream::iter(0..black_box(MESSAGES))
}

fn is_kept(sum: &u64) -> bool {
    sum.is_multiple_of(2)
}

fn reach(sum: u64) {
    REACHED.store(REACHED.load(Relaxed).wrapping_add(sum), Relaxed);
}

#[handle(source = numbers, pipe = [accumulate, filter(is_kept)], sink = [reach])]
fn forward(sum: u64) -> u64 {
    sum
}

async fn ours() -> slipstream::Result<()> {
    let running = App::new().handler(forward).start().await?;
    running.wait().await?;
    let counts = running.report().handler("forward");
    assert_eq!(counts.taken, MESSAGES);
    running.assert_conserved();
    Ok(())
}

async fn boxed_loop() {
    let mut source: Pin<Box<dyn Stream<Item = u64> + Send>> = Box::pin(numbers());
    let mut total = 0_u64;
    while let Some(n) = source.next().await {
        total = total.wrapping_add(n);
        let sum = total;
        let call: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async move {
            if is_kept(&sum) {
                reach(forward(sum));
            }
        });
        black_box(call).await;
    }
}

async fn timed<F: Future>(run: F) -> (Duration, F::Output) {
    let started = Instant::now();
    let output = run.await;
    (started.elapsed(), output)
}

fn main() -> slipstream::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut ratios = Vec::new();
        for pair in 1..=PAIRS {
            let (baseline, ()) = timed(async { tokio::spawn(boxed_loop()).await.unwrap_or_default() }).await;
            let expected = REACHED.swap(0, Relaxed);
            let (ours, done) = timed(ours()).await;
            done?;
            assert_eq!(REACHED.swap(0, Relaxed), expected, "both do the same work");
            let per_message = |time: Duration| time.as_nanos() as f64 / MESSAGES as f64;
            let ratio = baseline.as_secs_f64() / ours.as_secs_f64();
            println!(
                "pair {pair}: loop {:.1} ns, ours {:.1} ns a message, ratio {ratio:.2}",
                per_message(baseline),
                per_message(ours)
            );
            ratios.push(ratio);
        }
        println!("in-process: ratio {}", spread(&mut ratios));
        Ok(())
    })
}
