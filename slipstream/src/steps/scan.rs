//! Rows in order: what is not in the store yet, merged with pages of the store.

use super::value::Value;
use crate::error::Result;
use crate::store::{RowKey, RowValue};
use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

/// The first page is small, since many want one row only; each is larger than the one before, up to this.
const FIRST_PAGE: usize = 8;
const LARGEST_PAGE: usize = 1024;

/// Where the rows of a scan are that were in the store when it began.
pub(crate) trait Pages {
    /// Up to `limit` rows of a range, in order, or in reverse order from the end.
    fn page(&self, range: &Range<RowKey>, limit: usize, reverse: bool) -> Result<Vec<(RowKey, RowValue)>>;
}

/// A scan under way. What is written meanwhile may be seen or not.
pub(crate) struct Scan {
    /// What was not in the store when the scan began; it is newer than what the store says of the same row.
    overlay: VecDeque<(RowKey, Option<Value>)>,
    stored: VecDeque<(RowKey, RowValue)>,
    left: Range<RowKey>,
    reverse: bool,
    page: usize,
    ended: bool,
}

impl Scan {
    pub(super) fn new(overlay: BTreeMap<RowKey, Option<Value>>, range: Range<RowKey>, reverse: bool) -> Self {
        let overlay =
            if reverse { overlay.into_iter().rev().collect() } else { overlay.into_iter().collect() };
        let ended = range.start >= range.end;
        Scan { overlay, stored: VecDeque::new(), left: range, reverse, page: FIRST_PAGE, ended }
    }

    /// The next row.
    pub(crate) fn next(&mut self, pages: &impl Pages) -> Result<Option<(RowKey, RowValue)>> {
        loop {
            if self.stored.is_empty() && !self.ended {
                self.load(pages)?;
            }
            let order = match (self.overlay.front(), self.stored.front()) {
                (None, None) => return Ok(None),
                (None, Some(_)) => Ordering::Greater,
                (Some(_), None) => Ordering::Less,
                (Some((new, _)), Some((old, _))) if self.reverse => old.cmp(new),
                (Some((new, _)), Some((old, _))) => new.cmp(old),
            };
            if order == Ordering::Greater {
                return Ok(self.stored.pop_front());
            }
            if order == Ordering::Equal {
                self.stored.pop_front();
            }
            if let Some((row, Some(value))) = self.overlay.pop_front() {
                return Ok(Some((row, value.into_bytes())));
            }
        }
    }

    fn load(&mut self, pages: &impl Pages) -> Result<()> {
        let rows = pages.page(&self.left, self.page, self.reverse)?;
        self.ended = rows.len() < self.page;
        self.page = (self.page * 4).min(LARGEST_PAGE);
        if let Some((last, _)) = rows.last() {
            if self.reverse {
                self.left.end = last.clone();
            } else {
                self.left.start = after(last);
            }
        }
        self.stored = rows.into();
        Ok(())
    }
}

/// The first row behind this one.
pub(crate) fn after(row: &[u8]) -> RowKey {
    let mut next = row.to_vec();
    next.push(0);
    next.into()
}
