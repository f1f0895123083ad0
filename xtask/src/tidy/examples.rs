//! Every public item has an example: what `lib.rs` shows at the top, what its public modules hold, and the macros.

use super::code::without_tests;
use super::floors::exports;
use super::{LIBRARY, Source};

/// The files all of whose public items can be named.
const PUBLIC: &[&str] = &[
    "slipstream/src/avro/mod.rs",
    "slipstream/src/keys.rs",
    "slipstream/src/policy.rs",
    "slipstream/src/prelude.rs",
    "slipstream/src/testing/mod.rs",
    "slipstream-macros/src/lib.rs",
];
const ITEMS: &[&str] = &["struct", "enum", "trait", "type", "const", "static", "fn"];

pub(super) fn check(sources: &[Source]) -> Vec<String> {
    let exported = |path| {
        sources.iter().find(|file| file.path == path).map(|file| exports(&file.text)).unwrap_or_default()
    };
    let mut shown: Vec<(String, String)> = exported("slipstream/src/lib.rs");
    let kit = exported("slipstream/src/testing/mod.rs");
    shown.extend(kit.into_iter().map(|(name, _)| (name, "testing".to_owned())));
    let mut problems = Vec::new();
    for file in sources.iter().filter(|file| !file.test) {
        let home = file.path.strip_prefix(LIBRARY).map(|path| path.split(['/', '.']).next().unwrap_or(path));
        let public = PUBLIC.contains(&file.path.as_str());
        let is_shown = |name: &str| shown.iter().any(|(shown, from)| shown == name && Some(&**from) == home);
        for (line, name) in bare(&file.text) {
            if public || is_shown(name) {
                problems.push(format!("{}:{line}: `{name}` is public: give it an example", file.path));
            }
        }
    }
    problems
}

/// The items of a file that are `pub`, not hidden, and have no example in their documentation.
fn bare(text: &str) -> Vec<(usize, &str)> {
    let mut bare = Vec::new();
    let (mut has_example, mut is_hidden) = (false, false);
    for (number, line) in without_tests(text) {
        has_example |= line.starts_with("/// ```");
        is_hidden |= line.contains("doc(hidden)");
        if let Some(name) = item(line)
            && !(has_example || is_hidden)
        {
            bare.push((number, name));
        }
        // What stands above an item: its documentation and its attributes, also one of several lines.
        if !line.starts_with(['/', '#', ' ', ')']) {
            (has_example, is_hidden) = (false, false);
        }
    }
    bare
}

/// The name of the public item that begins on this line, if one does.
fn item(line: &str) -> Option<&str> {
    let mut words = line.strip_prefix("pub ")?.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    let is_item = |word: &str| ITEMS.contains(&word);
    let kind = words.by_ref().find(|word| is_item(word) || !["async", "unsafe"].contains(word))?;
    let name = words.find(|word| !is_item(word))?;
    is_item(kind).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::super::source;
    use super::*;

    const LIB: &str = "pub mod policy;\npub use pipe::{map, Kept};\n";

    fn problems(path: &str, text: &str) -> usize {
        check(&[source("slipstream/src/lib.rs", LIB), source(path, text)]).len()
    }

    #[test]
    fn what_is_public_has_an_example() {
        for bad in ["/// Maps.\npub fn map() {\n", "pub async fn map() {\n", "pub struct Kept;\n"] {
            assert_eq!(problems("slipstream/src/pipe/map.rs", bad), 1, "{bad}");
        }
        assert_eq!(problems("slipstream/src/policy.rs", "pub const fn retry() {\n"), 1);
        assert_eq!(problems("slipstream-macros/src/lib.rs", "pub fn handle() {\n"), 1);
    }

    #[test]
    fn an_example_stands_above_with_the_attributes() {
        let good =
            "/// Maps.\n///\n/// ```\n/// map();\n/// ```\n#[must_use]\n#[a(\n    b\n)]\npub fn map() {\n";
        assert_eq!(problems("slipstream/src/pipe/map.rs", good), 0);
        assert_eq!(problems("slipstream/src/pipe/map.rs", &format!("{good}}}\npub fn map() {{\n")), 1);
    }

    #[test]
    fn what_nobody_is_shown_needs_none() {
        assert_eq!(problems("slipstream/src/pipe/map.rs", "pub fn inner() {\npub(crate) fn map() {\n"), 0);
        assert_eq!(problems("slipstream/src/lane/mod.rs", "pub fn map() {\n"), 0);
        assert_eq!(problems("slipstream/src/policy.rs", "#[doc(hidden)]\npub fn map() {\n"), 0);
    }
}
