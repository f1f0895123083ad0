//! Where a source with positions of its own goes on, and the positions of what is on its way.

use crate::error::Result;
use crate::scope::Shared;
use crate::steps::{place_row, resume_row};
use crate::store::RowValue;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The positions of the items that are on their way, by their numbers.
#[derive(Default)]
pub(crate) struct Resumes {
    /// The number of the first item, and the position before it.
    pub(crate) first: i64,
    pub(crate) last: Option<RowValue>,
    passing: Mutex<VecDeque<(i64, RowValue)>>,
    /// Who must be done with an item before it is forgotten.
    readers: Option<(Arc<Shared>, Arc<str>, Vec<String>)>,
}

impl Resumes {
    /// Where the handlers of a source are: it is opened at the least of their positions.
    pub(crate) fn find(app: &Arc<Shared>, source: &Arc<str>, readers: Vec<String>) -> Result<Self> {
        let mut least: Option<(i64, &String)> = None;
        for reader in &readers {
            let Some(place) = app.state.place(&place_row(source, reader, 0))? else {
                least = None; // this one has done nothing: it begins at the beginning
                break;
            };
            if least.is_none_or(|(offset, _)| place.offset < offset) {
                least = Some((place.offset, reader));
            }
        }
        let (first, last) = match least {
            Some((first, reader)) => (first, app.state.get(&resume_row(source, reader))?),
            None => (0, None),
        };
        let readers = Some((app.clone(), source.clone(), readers));
        Ok(Resumes { first, last, passing: Mutex::default(), readers })
    }

    fn passing(&self) -> MutexGuard<'_, VecDeque<(i64, RowValue)>> {
        self.passing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An item with this number is on its way.
    pub(crate) fn passes(&self, offset: i64, position: RowValue) {
        const MANY: usize = 1024;
        let mut passing = self.passing();
        if passing.len() >= MANY && passing.len().is_power_of_two() {
            let done = self.done();
            passing.retain(|(offset, _)| *offset + 1 >= done);
        }
        passing.push_back((offset, position));
    }

    /// How many items all handlers are done with.
    fn done(&self) -> i64 {
        let Some((app, source, readers)) = &self.readers else { return i64::MIN };
        let places = readers.iter().map(|reader| app.state.place(&place_row(source, reader, 0)));
        places
            .map(|place| place.ok().flatten().map_or(i64::MIN, |place| place.offset))
            .min()
            .unwrap_or(i64::MIN)
    }

    /// The source's own position of an item.
    pub(crate) fn at(&self, offset: i64) -> Option<RowValue> {
        let passing = self.passing();
        let at = passing.binary_search_by_key(&offset, |(offset, _)| *offset).ok()?;
        Some(passing[at].1.clone())
    }
}
