//! What a reader sees: the commits that are not in the engine yet, newest first, and the engine below them.

use super::engine::Guarded;
use super::envelope;
use super::page::Page;
use super::row::{Row, RowKey, RowValue};
use crate::error::Result;
use std::sync::Arc;

/// Small runs are merged up to this many rows, so that a look-up never has many to search.
const MERGED_ROWS: usize = 16 * 1024;

/// How many rows are read from the engine at once, at most.
const PAGE: usize = 1024;

/// What a row costs in memory beside its bytes.
const ROW_BYTES: usize = 96;

/// The first byte of keys that are the store's own.
pub(super) const OWN: u8 = 0;

/// The sorted rows of one commit, or of several on end.
#[derive(Clone)]
pub(super) struct Run {
    first: u64,
    pub(super) last: u64,
    rows: Arc<Vec<Row>>,
    bytes: usize,
}

impl Run {
    pub(super) fn new(sequence: u64, rows: Arc<Vec<Row>>) -> Self {
        Run::of(sequence, sequence, rows)
    }

    fn of(first: u64, last: u64, rows: Arc<Vec<Row>>) -> Self {
        let bytes = rows
            .iter()
            .map(|(key, value)| ROW_BYTES + key.len() + value.as_ref().map_or(0, |value| value.len()))
            .sum();
        Run { first, last, rows, bytes }
    }

    fn get(&self, key: &[u8]) -> Option<&Option<RowValue>> {
        let at = self.rows.binary_search_by(|(row, _)| row[..].cmp(key)).ok()?;
        Some(&self.rows[at].1)
    }

    fn between(&self, from: &[u8], to: &[u8]) -> &[Row] {
        let start = self.rows.partition_point(|(row, _)| row[..] < *from);
        let end =
            if to.is_empty() { self.rows.len() } else { self.rows.partition_point(|(row, _)| row[..] < *to) };
        self.rows.get(start..end).unwrap_or_default()
    }
}

/// The state as of one commit. While it lives, nothing that it does not hold itself goes into the engine.
pub(super) struct View {
    pub(super) sequence: u64,
    /// Oldest first.
    runs: Vec<Run>,
    pub(super) engine: Arc<Guarded>,
}

impl View {
    pub(super) fn new(sequence: u64, engine: Arc<Guarded>) -> Self {
        View { sequence, runs: Vec::new(), engine }
    }

    /// With one more commit. Runs up to `frozen` are being drained, and stay as they are.
    pub(super) fn with(&self, run: Run, frozen: u64) -> Self {
        let sequence = run.last;
        let mut runs = self.runs.clone();
        runs.push(run);
        while let [.., older, newer] = &runs[..] {
            let rows = older.rows.len() + newer.rows.len();
            if older.first <= frozen || rows > MERGED_ROWS || older.rows.len() > 2 * newer.rows.len() {
                break;
            }
            let merged = merged(&[older.clone(), newer.clone()]).cloned().collect();
            let merged = Run::of(older.first, newer.last, Arc::new(merged));
            runs.truncate(runs.len() - 2);
            runs.push(merged);
        }
        View { sequence, runs, engine: self.engine.clone() }
    }

    /// Without the runs that are in the engine.
    pub(super) fn drained(&self, sequence: u64) -> Self {
        let runs = self.runs.iter().filter(|run| run.last > sequence).cloned().collect();
        View { sequence: self.sequence, runs, engine: self.engine.clone() }
    }

    /// The bytes of all that is not in the engine.
    pub(super) fn bytes(&self) -> usize {
        self.runs.iter().map(|run| run.bytes).sum()
    }

    pub(super) fn runs(&self) -> usize {
        self.runs.len()
    }

    /// All rows that are not in the engine, sorted, the newest of each key.
    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        merged(&self.runs)
    }

    /// Up to which commit all is in the engine.
    pub(super) fn drained_to(&self) -> u64 {
        self.runs.first().map_or(self.sequence, |run| run.first - 1)
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<RowValue>> {
        match self.runs.iter().rev().find_map(|run| run.get(key)) {
            Some(value) => Ok(value.clone()),
            None => get_drained(&self.engine, key),
        }
    }

    pub(super) fn range(
        &self,
        from: &[u8],
        to: &[u8],
        limit: usize,
        reverse: bool,
    ) -> Result<Vec<(RowKey, RowValue)>> {
        let mut page = Page::default();
        self.page(from, to, limit, reverse, &mut page)?;
        Ok(page.rows())
    }

    /// Fills a page with up to `limit` rows.
    pub(super) fn page(
        &self,
        from: &[u8],
        to: &[u8],
        limit: usize,
        reverse: bool,
        rows: &mut Page,
    ) -> Result<()> {
        let from = from.max(&[OWN + 1]);
        if !to.is_empty() && from >= to {
            return Ok(());
        }
        let mut above = Merge::new(self.runs.iter().map(|run| run.between(from, to)), reverse);
        if above.slices.is_empty() {
            let first = rows.len();
            let wanted = limit.saturating_sub(first);
            self.engine.call(|engine| engine.range(from, to, wanted, reverse, rows))?;
            return rows.unwrap(first, envelope::unwrap);
        }
        let mut below = Below {
            view: self,
            from: from.to_vec(),
            to: to.to_vec(),
            reverse,
            page: Page::default(),
            at: 0,
            more: true,
        };
        let mut ahead = above.next();
        while rows.len() < limit {
            // Rows that hide what lies below cost a few more than are wanted.
            below.fill((limit - rows.len()).min(PAGE))?;
            let stored = below.page.row(below.at);
            let order = match (ahead, stored) {
                (None, None) => break,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some((key, _)), Some((stored, _))) if reverse => stored.cmp(key),
                (Some((key, _)), Some((stored, _))) => key[..].cmp(stored),
            };
            if let (true, Some((key, value))) = (order.is_le(), ahead) {
                if let Some(value) = value {
                    rows.push(key, |out| {
                        out.extend_from_slice(value);
                        Ok(())
                    })?;
                }
                ahead = above.next();
            } else if let Some((key, stored)) = stored {
                let value = envelope::unwrap(key, stored)?;
                rows.push(key, |out| {
                    out.extend_from_slice(value);
                    Ok(())
                })?;
            }
            if order.is_ge() {
                below.at += 1;
            }
        }
        Ok(())
    }
}

/// What the engine has.
pub(super) fn get_drained(engine: &Guarded, key: &[u8]) -> Result<Option<RowValue>> {
    let Some(stored) = engine.call(|engine| engine.get(key))? else { return Ok(None) };
    envelope::unwrap(key, &stored).map(|value| Some(value.into()))
}

/// The engine's rows, a page at a time.
struct Below<'a> {
    view: &'a View,
    from: Vec<u8>,
    to: Vec<u8>,
    reverse: bool,
    page: Page,
    at: usize,
    more: bool,
}

impl Below<'_> {
    fn fill(&mut self, wanted: usize) -> Result<()> {
        if self.at < self.page.len() || !self.more {
            return Ok(());
        }
        self.page.clear();
        self.at = 0;
        let (from, to, page) = (&self.from, &self.to, &mut self.page);
        let read = |engine: &dyn super::Engine| engine.range(from, to, wanted, self.reverse, page);
        self.view.engine.call(read)?;
        self.more = self.page.len() >= wanted;
        if let Some((last, _)) = self.page.last() {
            if self.reverse {
                self.to = last.to_vec();
            } else {
                self.from = [last, &[0]].concat();
            }
        }
        Ok(())
    }
}

fn merged(runs: &[Run]) -> impl Iterator<Item = &Row> {
    Merge::new(runs.iter().map(|run| &run.rows[..]), false)
}

/// Several sorted slices as one; of rows with the same key that of the last slice.
struct Merge<'a> {
    slices: Vec<&'a [Row]>,
    reverse: bool,
}

impl<'a> Merge<'a> {
    fn new(slices: impl Iterator<Item = &'a [Row]>, reverse: bool) -> Self {
        Merge { slices: slices.filter(|rows| !rows.is_empty()).collect(), reverse }
    }
}

impl<'a> Iterator for Merge<'a> {
    type Item = &'a Row;

    fn next(&mut self) -> Option<&'a Row> {
        let reverse = self.reverse;
        let head = move |rows: &&'a [Row]| if reverse { rows.last() } else { rows.first() };
        let mut best: Option<&'a Row> = None;
        for row in self.slices.iter().filter_map(head) {
            let is_ahead = best.is_none_or(|best| if reverse { row.0 >= best.0 } else { row.0 <= best.0 });
            if is_ahead {
                best = Some(row);
            }
        }
        let best = best?;
        for rows in &mut self.slices {
            if head(rows).is_some_and(|row| row.0 == best.0) {
                *rows = if reverse { &rows[..rows.len() - 1] } else { &rows[1..] };
            }
        }
        Some(best)
    }
}
