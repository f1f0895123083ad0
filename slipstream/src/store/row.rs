//! A row as bytes.

use std::sync::Arc;

/// A row's key. On disk: the name, 0, the shard, and the key's own bytes.
pub(crate) type RowKey = Arc<[u8]>;

/// A row's value.
pub(crate) type RowValue = Arc<[u8]>;

/// A row: its key, and its value or `None` for a deletion.
pub(crate) type Row = (RowKey, Option<RowValue>);
