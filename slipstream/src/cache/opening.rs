//! What is done when an app first uses a cache: its entries are counted, and given what their bound needs; or what is
//! left of a bound that it has no more is taken away.

use super::index::{self, Index};
use super::slices::Steps;
use super::stamp;
use crate::error::Result;
use crate::scope::Shared;
use std::sync::{Arc, Weak};

/// How many rows are counted before others may run.
const BREATH: usize = 1024;

/// Counts the entries, and gives those a time that were written when the cache had no bound.
pub(super) async fn open(app: &Arc<Shared>, index: &Arc<Index>) -> Result<()> {
    if index.limits.max_bytes.is_some() {
        count(app, index).await?;
    }
    let state = &app.state;
    if state.get(&index.whole)?.is_some() {
        return Ok(());
    }
    let (mut steps, now) = (Steps::new(app), stamp::now(&app.clock));
    let lacks = |entry: &[u8], stored: &[u8]| {
        let has = match index.written(stored)? {
            Some(written) => state.get(&index.row(written, index.key(entry)))?.is_some(),
            None => false,
        };
        Ok((!has).then(|| entry.to_vec()))
    };
    steps.each(index.entries(), lacks, |txn, entry| index.complete(state, txn, entry, now)).await?;
    let old = |row: &[u8], bytes: &[u8]| index.old(row, bytes, now).map(Some);
    steps.each(index.rows(), old, |txn, old| index.mend(state, txn, old)).await?;
    steps
        .run(|txn| {
            state.write(txn, &index.whole, Some(b"whole"[..].into()));
            Ok(())
        })
        .await
}

/// Adds up what there was at one moment; what steps have changed since is known.
async fn count(app: &Arc<Shared>, index: &Index) -> Result<()> {
    let (still, changed) = app.state.still(&index.rows(), || index.bytes())?;
    let mut rows = still.scan(index.rows(), false);
    let (mut bytes, mut seen) = (0, 0_usize);
    while let Some(size) = rows.next(&still, |_, size| index.size(size))? {
        bytes += size;
        seen += 1;
        if seen.is_multiple_of(BREATH) {
            tokio::task::yield_now().await;
        }
    }
    index.counted(bytes - changed);
    Ok(())
}

/// Takes the rows of an index away that nobody keeps any more.
pub(super) async fn clear(app: Weak<Shared>, name: &'static str) {
    let Some(app) = app.upgrade() else { return };
    let state = &app.state;
    let mut steps = Steps::new(&app);
    let all = |row: &[u8], _: &[u8]| Ok(Some(row.to_vec()));
    let cleared = steps.each(index::rows(&index::whole(name)), all, |txn, row| {
        state.write(txn, row, None);
        Ok(())
    });
    if let Err(error) = cleared.await {
        app.fail(error);
    }
}
