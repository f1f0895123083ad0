//! The task that evicts: entries that have expired, and the oldest ones of a cache that is too large.
//!
//! It looks at the start of the index and deletes in steps of its own, so that an entry that is written anew meanwhile
//! stays.

use super::index::{Index, Old};
use super::slices::{SLICE, Steps};
use super::{opening, stamp};
use crate::error::Result;
use crate::ledger::Evicted;
use crate::scope::Shared;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// How many rows one look at the index finds: each costs a walk over all that is not committed.
const LOOK: usize = 4096;

/// How long it says nothing more of evictions.
const SILENCE: Duration = Duration::from_secs(60);

/// What comes after a look.
enum Next {
    Again,
    /// The oldest entry ends in so many microseconds.
    In(u64),
    /// There is nothing that ends by itself.
    Told,
}

/// Evicts until the app is closed.
pub(super) async fn evict(app: Weak<Shared>, index: Arc<Index>) {
    let Some(shared) = app.upgrade() else { return };
    let clock = shared.clock.clone();
    let mut done = opening::open(&shared, &index).await.map(|()| Next::Again);
    drop(shared);
    let mut said = None::<Instant>;
    loop {
        // The app is not held while nothing is done.
        match done {
            Ok(Next::Again) => {}
            Ok(Next::In(micros)) => tokio::select! {
                () = clock.sleep(Duration::from_micros(micros)) => {}
                () = index.wake.notified() => {}
            },
            Ok(Next::Told) => index.wake.notified().await,
            Err(error) => {
                index.is_given_up.store(true, SeqCst);
                app.upgrade().iter().for_each(|app| app.fail(error.copy()));
                return;
            }
        }
        let Some(shared) = app.upgrade() else { return };
        done = round(&shared, &index).await;
        if matches!(done, Ok(Next::Again)) && said.is_none_or(|said| said.elapsed() > SILENCE) {
            said = Some(Instant::now());
            let Evicted { cache, expired, over_max_bytes, .. } = index.evicted.counts();
            tracing::info!(cache, expired, over_max_bytes, "entries were evicted, so many since the start");
        }
    }
}

async fn round(app: &Arc<Shared>, index: &Arc<Index>) -> Result<Next> {
    let (found, next) = look(app, index)?;
    let mut steps = Steps::new(app);
    for slice in found.chunks(SLICE) {
        // Others may have deleted entries since the look: then the rest may stay.
        if index.over() <= 0 && slice.iter().all(|old| !old.expired) {
            break;
        }
        steps.run(|txn| index.evict(&app.state, txn, slice)).await?;
    }
    Ok(next)
}

/// The oldest entries, as far as they are to go.
fn look(app: &Shared, index: &Index) -> Result<(Vec<Old>, Next)> {
    let found = look_once(app, index)?;
    if !matches!(found.1, Next::Told) || index.limits.ttl.is_none() {
        return Ok(found);
    }
    // What is written from here on is told of; what was written since the look is found by another.
    index.idle.store(true, SeqCst);
    look_once(app, index)
}

fn look_once(app: &Shared, index: &Index) -> Result<(Vec<Old>, Next)> {
    let now = stamp::now(&app.clock);
    let (mut found, mut over, mut next) = (Vec::new(), index.over(), Next::Told);
    let mut rows = app.state.scan(None, index.rows(), false);
    while found.len() < LOOK {
        let Some(old) = rows.next(&app.state, |row, bytes| index.old(row, bytes, now))? else { break };
        if !old.expired && over <= 0 {
            next = index.limits.end(old.written).map_or(Next::Told, |end| Next::In(end - now));
            break;
        }
        over -= old.bytes;
        found.push(old);
    }
    if !found.is_empty() {
        next = Next::Again;
    }
    Ok((found, next))
}
