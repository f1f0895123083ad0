//! Checkpoints: who was handled without its dependency comes again, nobody waits for ever, and callbacks may fail.

use super::common::{LONG, within};
use slipstream::prelude::*;
use slipstream::testing::{self, Input, Output, stopped_clock};
use slipstream_tests::schedules::{self, Outcome};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

fn time(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_handled_while_a_dependency_was_down_comes_again() {
    let number =
        |name, default| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (first, many) = (number("SLIPSTREAM_TEST_SEED", 1), number("SLIPSTREAM_TEST_SCHEDULES", 24));
    let mut all = Outcome::default();
    for seed in first..first + many {
        all.add(schedules::random(seed, None).await.unwrap());
    }
    assert!(all.is_right(), "{all:?}");
    assert!(many < 24 || all.stale > many && all.recoveries > many, "nothing happens: {all:?}");
}

static PULSES: Input<i64> = Input::new("pulses");
static LEADER: Input<i64> = Input::new("leader");
static PASSED: Output<(i64, bool)> = Output::new("passed");
static CALLS: AtomicU32 = AtomicU32::new(0);
static BROKEN: Checkpoint =
    Checkpoint::new("broken", &[Dependency::new("leader", secs(10))]).on_downtime(&fails).on_recovery(&hangs);

async fn fails(_: Outage) -> Result<()> {
    assert!(CALLS.fetch_add(1, Relaxed) > 0, "a panic the first time");
    Err(slipstream::Error::msg("an error the second time"))
}

async fn hangs(_: Outage) -> Result<()> {
    std::future::pending().await
}

#[handle(source = LEADER)]
async fn lead(at: i64) -> Result<()> {
    BROKEN.heartbeat(time(at)).await
}

#[handle(source = PULSES, sink = [PASSED])]
async fn follow(at: i64) -> Result<(i64, bool)> {
    Ok((at, BROKEN.check_pulse(time(at)).await?.is_some()))
}

#[tokio::test]
async fn callbacks_that_panic_fail_or_hang_stop_nobody_for_ever() {
    let app = testing::app().clock(stopped_clock()).handler(lead).handler(follow).start().await.unwrap();
    for round in 0..2 {
        let now = round * 100;
        app.feed(&LEADER, [now]).unwrap();
        app.quiet().await;
        app.feed(&PULSES, [now, now + 50, now + 51]).unwrap();
        app.quiet().await;
        assert_eq!(app.drain(&PASSED).unwrap(), [(now, false), (now + 50, true)], "the last one waits");
        // As far as its dependent, and no further.
        app.feed(&LEADER, [now + 50]).unwrap();
        app.advance(secs(31)).await;
        assert_eq!(app.drain(&PASSED).unwrap(), [(now + 51, false)]);
    }
    assert_eq!(CALLS.load(Relaxed), 2);
    app.assert_conserved();
}

static ENDING: Checkpoint = Checkpoint::new("ending", &[Dependency::new("few", secs(10))]).on_recovery(&told);
static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());
static LATE: Output<i64> = Output::new("late");

async fn told(outage: Outage) -> Result<()> {
    let state: Option<String> = outage.state()?;
    let text =
        format!("{} {} {:?} {state:?}", outage.dependency(), outage.downtime().as_secs(), outage.offsets());
    TOLD.lock().unwrap().push(text);
    Ok(())
}

#[handle(source = LEADER)]
async fn lead_until_the_end(at: i64) -> Result<()> {
    ENDING.heartbeat(time(at)).await
}

#[handle(source = PULSES, sink = [LATE])]
async fn follow_to_the_end(at: i64) -> Result<i64> {
    ENDING.check_pulse_with(time(at), &format!("at {at}")).await?;
    Ok(at)
}

#[tokio::test]
async fn who_waits_for_a_dependency_that_ends_goes_on() {
    let app = testing::app().handler(lead_until_the_end).handler(follow_to_the_end).start().await.unwrap();
    app.feed(&LEADER, [0]).unwrap();
    app.quiet().await;
    app.feed(&PULSES, [20, 40]).unwrap();
    app.end(&PULSES).unwrap();
    app.quiet().await;
    assert_eq!(app.drain(&LATE).unwrap(), [20]);
    app.end(&LEADER).unwrap();
    within(LONG, app.wait()).await.unwrap();
    assert_eq!(app.drain(&LATE).unwrap(), [40]);
    assert_eq!(*TOLD.lock().unwrap(), [r#"few 20 {} Some("at 20")"#]);
    app.assert_conserved();
}

static ALONE: Checkpoint =
    Checkpoint::new("alone", &[Dependency::new("a", secs(1)), Dependency::new("b", secs(1))]);

#[handle(source = [1_u8])]
async fn which(_n: u8) -> Result<()> {
    ALONE.heartbeat(None).await
}

#[tokio::test]
async fn misuse_is_said() {
    let app = testing::app().handler(which).start().await.unwrap();
    let whose = app.wait().await.unwrap_err().to_string();
    assert!(whose.contains("`alone`") && whose.contains("heartbeat_of"), "{whose}");
    let outside = app.scope(ALONE.heartbeat_of("a", None)).await.unwrap_err().to_string();
    assert!(outside.contains("`alone`") && outside.contains("handlers"), "{outside}");
}
