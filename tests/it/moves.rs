//! A partition moves to another instance and comes back: what was done of it there.

use slipstream::prelude::*;
use slipstream::testing::{Broker, Output};

static WORDS: Topic<String, u64> = Topic::new("words").partitions(2).start(Start::Earliest).until_end();
static TOTALS: Cache<String, u64> = Cache::new("totals");
static SEEN: Output<u64> = Output::new("seen");

#[handle(source = WORDS, sink = [TOTALS])]
fn add(n: u64, word: Key<String>) -> Result<(String, u64)> {
    Ok((word.0.clone(), TOTALS.get(&word.0)?.unwrap_or(0) + n))
}

/// Keeps something without saying so beforehand.
#[handle(source = WORDS)]
fn add_inside(n: u64, word: Key<String>) -> Result<()> {
    TOTALS.update(&word.0, |total| total.unwrap_or(0) + n).map(drop)
}

#[handle(source = WORDS, sink = [SEEN])]
fn pass(n: u64) -> u64 {
    n
}

/// Sends ten numbers, to two partitions, from here on.
async fn send(broker: &Broker, from: u64) -> Result<()> {
    let app = broker.elsewhere().app().start_idle().await?;
    for n in from..from + 10 {
        app.scope(WORDS.send((format!("word{}", n % 5), n))).await?;
    }
    app.stop().await
}

fn total(running: &Running) -> Result<u64> {
    running.enter(|| TOTALS.values().collect::<Result<Vec<u64>>>()).map(|totals| totals.iter().sum())
}

async fn run(app: App) -> Result<Running> {
    let running = app.start().await?;
    running.wait().await?;
    Ok(running)
}

#[tokio::test]
async fn a_state_that_lacks_what_another_instance_did_is_stale() -> Result<()> {
    let here = Broker::new();
    let there = here.elsewhere();
    send(&here, 0).await?;
    assert_eq!(total(&run(here.app().handler(add)).await?)?, (0..10_u64).sum::<u64>());
    send(&here, 10).await?;
    let moved = run(there.app().handler(add)).await?;
    assert_eq!(
        total(&moved)?,
        (10..20_u64).sum::<u64>(),
        "what the group has done is not done again elsewhere"
    );
    drop(moved);
    send(&here, 20).await?;

    let error = run(here.app().handler(add)).await.err().unwrap();
    assert!(error.to_string().contains("another instance has read on"), "{error}");
    assert!(error.to_string().contains("topic `words`, partitions [0, 1]"), "{error}");
    let replay = Config::new().set("state.on.loss", "replay");
    let back = run(here.app().config(replay).handler(add)).await?;
    assert_eq!(total(&back)?, (0..30_u64).sum::<u64>());
    back.assert_conserved();
    Ok(())
}

#[tokio::test]
async fn a_cache_that_nobody_named_is_stale_as_well() -> Result<()> {
    let here = Broker::new();
    let there = here.elsewhere();
    for (from, broker) in [(0, &here), (10, &there)] {
        send(&here, from).await?;
        run(broker.app().handler(add_inside)).await?;
    }
    let error = run(here.app().handler(add_inside)).await.err().unwrap();
    assert!(error.to_string().contains("another instance has read on"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_lane_without_state_goes_on_where_the_group_is() -> Result<()> {
    let here = Broker::new();
    let there = here.elsewhere();
    for (from, broker) in [(0, &here), (10, &there), (20, &here), (30, &there), (40, &here), (50, &here)] {
        send(&here, from).await?;
        let running = run(broker.app().handler(pass)).await?;
        let mut seen = running.drain(&SEEN)?;
        seen.sort_unstable();
        assert_eq!(seen, (from..from + 10).collect::<Vec<_>>());
        running.assert_conserved();
    }
    Ok(())
}
