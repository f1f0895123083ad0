//! One layer of settings: what it says, and where it says so.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// The layers, from the lowest: what a higher one says counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Program,
    File,
    Environment,
    Command,
}

/// One setting of one layer.
#[derive(Clone)]
pub(super) struct Setting {
    /// The value, or why there is none: that is a problem only if no higher layer has one.
    pub(super) value: Result<String, String>,
    /// Where it is set, as the end of `it is set ..`.
    pub(super) place: String,
}

/// The settings of one layer; those of the environment by their variables, the others by their names.
#[derive(Clone, Default)]
pub(super) struct Layer(BTreeMap<String, Setting>);

impl Layer {
    pub(super) fn get(&self, key: &str) -> Option<&Setting> {
        self.0.get(key)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &Setting)> {
        self.0.iter()
    }

    /// Takes over another, above this one.
    pub(super) fn extend(&mut self, other: Layer) {
        self.0.extend(other.0);
    }

    /// Sets a value, or what the file has that `NAME.file` names. Of two by one name the later counts.
    pub(super) fn put(&mut self, name: &str, value: &str, place: String) {
        let (name, value) = read(name, value);
        self.0.insert(name.to_owned(), Setting { value, place });
    }

    /// The same where there is no order: then two by one name contradict each other.
    pub(super) fn put_once(&mut self, name: &str, value: &str, place: String) {
        let (name, value) = read(name, value);
        match self.0.entry(name.to_owned()) {
            Entry::Vacant(free) => drop(free.insert(Setting { value, place })),
            Entry::Occupied(mut taken) => {
                let taken = taken.get_mut();
                taken.value = Err("has two values: leave one".to_owned());
                taken.place = format!("{} and {place}", taken.place);
            }
        }
    }

    /// A setting that cannot be had.
    pub(super) fn put_broken(&mut self, name: &str, why: &str, place: String) {
        self.0.insert(name.to_owned(), Setting { value: Err(why.to_owned()), place });
    }
}

/// A value, or that of the file that is named instead; and the setting's name without the word that says so.
fn read<'a>(name: &'a str, value: &str) -> (&'a str, Result<String, String>) {
    let end = if name.contains('.') { ".file" } else { "_FILE" };
    match name.strip_suffix(end).filter(|name| !name.is_empty()) {
        Some(name) => (name, super::text::secret(value)),
        None => (name, Ok(value.to_owned())),
    }
}
