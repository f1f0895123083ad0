//! A position's name: source, handler and partition, as one key; and its row in the store.

use crate::store::{self, RowKey};

/// The names of rows that are not a cache's. A cache's name cannot start with this.
pub(crate) const RESERVED: &str = "slipstream/";
/// What the names of rows begin with that have the order in which a cache was written.
pub(crate) const INDEXES: &str = "slipstream/indexes/";
/// The row that says which instance the state is of.
pub(super) const INSTANCE: &str = "slipstream/instance";
const PLACES: &str = "slipstream/places";
const RESUMES: &str = "slipstream/resumes";

/// The row of a position.
pub(crate) fn place_row(source: &str, handler: &str, partition: u32) -> RowKey {
    row(&format!("{source}/{handler}/{partition}"))
}

/// The row of what a source itself calls the position of a handler.
pub(crate) fn resume_row(source: &str, handler: &str) -> RowKey {
    let mut row = store::prefix(RESUMES);
    row.extend(format!("{source}/{handler}").as_bytes());
    row.into()
}

/// Whether a row is a position.
pub(super) fn is_position(row: &[u8]) -> bool {
    [PLACES, RESUMES].iter().any(|name| row.starts_with(&store::prefix(name)))
}

/// The rows of all positions whose names start like this.
pub(super) fn rows_named(start: &str) -> (RowKey, RowKey) {
    let from = row(start);
    let to = store::after(&from).into();
    (from, to)
}

/// The name of a position, from its row.
pub(super) fn name(row: &RowKey) -> Option<String> {
    let name = row.strip_prefix(&store::prefix(PLACES)[..])?;
    Some(String::from_utf8_lossy(name).into_owned())
}

/// The source and the partition of a position's name.
pub(crate) fn parse_place(name: &str) -> Option<(&str, u32)> {
    let (source_and_handler, partition) = name.rsplit_once('/')?;
    let (source, _) = source_and_handler.rsplit_once('/')?;
    Some((source, partition.parse().ok()?))
}

/// The source of a position, and its handler, whichever lane of it has the position.
pub(crate) fn read_by(row: &RowKey) -> Option<(String, String)> {
    let name = name(row)?;
    let (source, handler) = name.rsplit_once('/')?.0.rsplit_once('/')?;
    Some((source.to_owned(), handler.split('#').next()?.to_owned()))
}

fn row(name: &str) -> RowKey {
    let mut row = store::prefix(PLACES);
    row.extend(name.as_bytes());
    row.into()
}
