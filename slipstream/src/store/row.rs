//! A row as bytes.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A row's key. On disk: the name, 0, the shard, and the key's own bytes.
pub(crate) type RowKey = RowBytes;

/// A row's value.
pub(crate) type RowValue = RowBytes;

/// A row: its key, and its value or `None` for a deletion.
pub(crate) type Row = (RowKey, Option<RowValue>);

/// How many bytes take no allocation: with them it is as large as a `Vec`.
const IN_PLACE: usize = 22;

/// Bytes that do not change: most keys and values are short, and lie where they are used; long ones are shared.
#[derive(Clone)]
pub(crate) struct RowBytes(Kept);

#[derive(Clone)]
enum Kept {
    InPlace(u8, [u8; IN_PLACE]),
    Shared(Arc<[u8]>),
}

impl RowBytes {
    /// What it takes in memory beside itself, in bytes: an allocation has a header and is rounded up.
    pub(crate) fn heap(&self) -> usize {
        match &self.0 {
            Kept::InPlace(..) => 0,
            Kept::Shared(bytes) => bytes.len() + 32,
        }
    }
}

impl Deref for RowBytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Kept::InPlace(length, bytes) => &bytes[..usize::from(*length)],
            Kept::Shared(bytes) => bytes,
        }
    }
}

impl From<&[u8]> for RowBytes {
    #[inline]
    fn from(bytes: &[u8]) -> Self {
        let mut kept = [0; IN_PLACE];
        match kept.get_mut(..bytes.len()) {
            Some(place) => {
                place.copy_from_slice(bytes);
                RowBytes(Kept::InPlace(bytes.len() as u8, kept))
            }
            None => RowBytes(Kept::Shared(bytes.into())),
        }
    }
}

impl From<Vec<u8>> for RowBytes {
    fn from(bytes: Vec<u8>) -> Self {
        bytes.as_slice().into()
    }
}

impl<const N: usize> From<&[u8; N]> for RowBytes {
    fn from(bytes: &[u8; N]) -> Self {
        bytes.as_slice().into()
    }
}

impl Default for RowBytes {
    fn default() -> Self {
        RowBytes(Kept::InPlace(0, [0; IN_PLACE]))
    }
}

impl Borrow<[u8]> for RowBytes {
    fn borrow(&self) -> &[u8] {
        self
    }
}

impl AsRef<[u8]> for RowBytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl PartialEq for RowBytes {
    fn eq(&self, other: &Self) -> bool {
        self[..] == other[..]
    }
}

impl Eq for RowBytes {}

impl PartialOrd for RowBytes {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RowBytes {
    fn cmp(&self, other: &Self) -> Ordering {
        self[..].cmp(&other[..])
    }
}

impl std::hash::Hash for RowBytes {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self[..].hash(state);
    }
}

impl fmt::Debug for RowBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self[..].fmt(f)
    }
}
