//! A position's name: source, handler and partition, as one key.

/// The position's name in the store.
pub(crate) fn place_key(source: &str, handler: &str, partition: u32) -> String {
    format!("{source}/{handler}/{partition}")
}

/// The source and the partition of a position's name.
pub(crate) fn parse_place(key: &str) -> Option<(&str, u32)> {
    let (source_and_handler, partition) = key.rsplit_once('/')?;
    let (source, _) = source_and_handler.rsplit_once('/')?;
    Some((source, partition.parse().ok()?))
}
