//! What `#[handle]` registers, and the order in which it is taken: `inventory` promises none.

use super::wiring::Wiring;
use std::any::TypeId;

/// A handler, as the macro registers it.
pub struct Entry {
    /// The fn's name.
    pub name: &'static str,
    /// The module that it is in.
    pub module: &'static str,
    /// The file, as `file!()` says it.
    pub file: &'static str,
    /// The line of the attribute.
    pub line: u32,
    /// Its column.
    pub column: u32,
    /// The type of the fn item, by which `App::handler` finds it.
    pub id: fn() -> TypeId,
    /// Tells an app of it.
    pub wire: fn(&mut Wiring<'_>),
}

inventory::collect!(Entry);

impl Entry {
    /// Where it is written, for the words of an error.
    pub(crate) fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }
}

/// All handlers that are linked into this binary, in the order of their modules and lines.
pub(crate) fn collected() -> Vec<&'static Entry> {
    let mut entries: Vec<_> = inventory::iter::<Entry>.into_iter().collect();
    entries.sort_by_key(|entry| (entry.module, entry.file, entry.line, entry.column));
    entries
}

/// The handler that annotates this fn.
pub(crate) fn find(id: TypeId) -> Option<&'static Entry> {
    inventory::iter::<Entry>.into_iter().find(|entry| (entry.id)() == id)
}

/// The type of a fn item.
pub fn id_of<F: 'static>(_: &F) -> TypeId {
    TypeId::of::<F>()
}
