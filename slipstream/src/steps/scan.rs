//! Rows in order: what is not in the store yet, merged with pages of the store.

use super::value::Value;
use crate::error::Result;
use crate::store::{Page, RowKey};
use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

/// The first page is small, since many want one row only; each is larger than the one before, up to this.
const FIRST_PAGE: usize = 8;
const LARGEST_PAGE: usize = 1024;

/// Where the rows of a scan are that were in the store when it began.
pub(crate) trait Pages {
    /// Fills a page with up to `limit` rows of a range, in order, or in reverse order from the end.
    fn page(&self, range: &Range<RowKey>, limit: usize, reverse: bool, page: &mut Page) -> Result<()>;
}

/// A scan under way. What is written meanwhile may be seen or not.
pub(crate) struct Scan {
    /// What was not in the store when the scan began; it is newer than what the store says of the same row.
    overlay: VecDeque<(RowKey, Option<Value>)>,
    stored: Page,
    /// The next row of that page.
    at: usize,
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
        Scan { overlay, stored: Page::default(), at: 0, left: range, reverse, page: FIRST_PAGE, ended }
    }

    /// What is made of the next row's key and value.
    pub(crate) fn next<T>(
        &mut self,
        pages: &impl Pages,
        mut pick: impl FnMut(&[u8], &[u8]) -> Result<T>,
    ) -> Result<Option<T>> {
        loop {
            if self.at == self.stored.len() && !self.ended {
                self.load(pages)?;
            }
            let stored = self.stored.row(self.at);
            let order = match (self.overlay.front(), stored) {
                (None, None) => return Ok(None),
                (None, Some(_)) => Ordering::Greater,
                (Some(_), None) => Ordering::Less,
                (Some((new, _)), Some((old, _))) if self.reverse => old.cmp(new),
                (Some((new, _)), Some((old, _))) => new[..].cmp(old),
            };
            if order.is_ge() {
                self.at += 1;
            }
            if let (Ordering::Greater, Some((row, value))) = (order, stored) {
                return pick(row, value).map(Some);
            }
            if let Some((row, Some(value))) = self.overlay.pop_front() {
                return pick(&row, &value.into_bytes()).map(Some);
            }
        }
    }

    fn load(&mut self, pages: &impl Pages) -> Result<()> {
        self.stored.clear();
        self.at = 0;
        pages.page(&self.left, self.page, self.reverse, &mut self.stored)?;
        self.ended = self.stored.len() < self.page;
        self.page = (self.page * 4).min(LARGEST_PAGE);
        if let Some((last, _)) = self.stored.last() {
            if self.reverse {
                self.left.end = last.into();
            } else {
                self.left.start = after(last);
            }
        }
        Ok(())
    }
}

/// The first row behind this one.
pub(crate) fn after(row: &[u8]) -> RowKey {
    let mut next = row.to_vec();
    next.push(0);
    next.into()
}
