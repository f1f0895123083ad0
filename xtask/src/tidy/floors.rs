//! The floors of the library: a module uses what is on its own floor or below, never what is above.

use super::code::{split_comment, without_tests};
use super::{LIBRARY, Source};

/// The modules at the top of `slipstream/src`, from the highest floor to the lowest. Those on one floor may use
/// each other; the files within one module are free.
const FLOORS: &[&[&str]] = &[
    &["lib", "prelude", "__private"],
    &["testing", "run"],
    &["app"],
    &["handler", "pipe"],
    &["topic", "avro", "cache", "channel", "checkpoint"],
    &["source", "sink"],
    &["lane"],
    &["flow"],
    &["step"],
    &["policy"],
    &["needs"],
    &["scope"],
    &["steps", "pulled"],
    &["log", "store"],
    &["breath", "clock", "codec", "config", "gate", "keys", "ledger"],
    &["error"],
];
/// Where it stands, for those who need to add a module.
const TABLE: &str = "the table FLOORS in xtask/src/tidy/floors.rs";

pub(super) fn check(sources: &[Source]) -> Vec<String> {
    let library = || sources.iter().filter_map(|file| Some((module(file.path.strip_prefix(LIBRARY)?), file)));
    let exports: Vec<(String, String)> =
        library().filter(|(module, _)| *module == "lib").flat_map(|(_, file)| exports(&file.text)).collect();
    let mut problems = Vec::new();
    let mut homeless = Vec::new();
    for (module, file) in library().filter(|(_, file)| !file.test) {
        let Some(own) = floor(module) else {
            if !homeless.contains(&module) {
                homeless.push(module);
                let what = format!("module `{module}` has no floor: give it one in {TABLE}");
                problems.push(format!("{}:1: {what}", file.path));
            }
            continue;
        };
        for (line, name) in uses(file) {
            // What `lib.rs` shows at the top belongs to the module that it comes from.
            let home = exports.iter().find(|(shown, _)| *shown == name).map_or(&name, |(_, home)| home);
            if let Some(other) = floor(home)
                && other < own
            {
                problems.push(format!(
                    "{}:{line}: `{module}` uses `{name}` from `{home}`, which is above it in {TABLE}: \
                     move what both need down",
                    file.path
                ));
            }
        }
    }
    problems
}

/// The top module of a path below `slipstream/src`.
fn module(path: &str) -> &str {
    path.split('/').next().unwrap_or(path).trim_end_matches(".rs")
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

/// What is named behind each `crate::` of the code (and each `super::` that means the same), with its line.
fn uses(file: &Source) -> Vec<(usize, String)> {
    let path = file.path.trim_start_matches(LIBRARY);
    let at_the_top = !path.contains('/') || path.ends_with("/mod.rs");
    let roots: &[&str] = if at_the_top { &["crate::", "super::"] } else { &["crate::"] };
    let code = without_tests(&file.text);
    let mut found = Vec::new();
    for (at, (number, line)) in code.iter().enumerate() {
        let (line, _) = split_comment(line);
        for (start, root) in roots.iter().flat_map(|root| line.match_indices(*root)) {
            // The tree behind it may go on in the lines that follow.
            let rest = code[at + 1..].iter().map(|(_, line)| split_comment(line).0);
            let tree: String = std::iter::once(&line[start + root.len()..]).chain(rest.take(30)).collect();
            found.extend(leaves(&tree).into_iter().map(|leaf| (*number, first(&leaf).to_string())));
        }
    }
    found.dedup(); // a group that names two things of one module is one use
    found
}

/// What a `pub use` of `lib.rs` shows, and from which module: `pub use error::Error` gives (`Error`, `error`).
pub(super) fn exports(text: &str) -> Vec<(String, String)> {
    let code: String = without_tests(text).iter().map(|(_, line)| split_comment(line).0).collect();
    let trees = code.split("pub use ").skip(1);
    let leaves =
        trees.flat_map(|tree| leaves(tree.trim_start_matches("crate::").trim_start_matches("self::")));
    leaves.map(|leaf| (last(&leaf).to_string(), first(&leaf).to_string())).collect()
}

/// The paths of a tree: `a::{b, c::{d, e}}` gives `a::b`, `a::c::d` and `a::c::e`.
fn leaves(tree: &str) -> Vec<String> {
    let end = tree.find(|c: char| !(c.is_alphanumeric() || "_:* ".contains(c))).unwrap_or(tree.len());
    let (path, rest) = tree.split_at(end);
    let path = path.trim();
    match rest.strip_prefix('{') {
        Some(group) => {
            branches(group).into_iter().flat_map(leaves).map(|leaf| format!("{path}{leaf}")).collect()
        }
        None => vec![path.to_string()],
    }
}

/// The parts of a group, up to the brace that closes it.
fn branches(group: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, c) in group.char_indices() {
        match c {
            ',' | '}' if depth == 0 => {
                parts.push(group[start..at].trim());
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

fn first(path: &str) -> &str {
    path.split([':', ' ']).next().unwrap_or(path)
}

fn last(path: &str) -> &str {
    path.rsplit([':', ' ']).next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::super::source;
    use super::*;

    fn problems(path: &str, text: &str) -> Vec<String> {
        let lib = source(
            "slipstream/src/lib.rs",
            "mod app;\npub use app::{App, Running};\npub use error::Error;\n",
        );
        check(&[lib, source(path, text)])
    }

    #[test]
    fn an_import_upward_is_a_problem() {
        let problems = problems("slipstream/src/store/sled.rs", "//! Sled.\nuse crate::cache::Cache;\n");
        assert!(
            problems[0].starts_with("slipstream/src/store/sled.rs:2: `store` uses `cache`"),
            "{problems:?}"
        );
    }

    #[test]
    fn so_is_one_in_a_group_in_a_path_and_by_way_of_the_root() {
        assert_eq!(
            problems("slipstream/src/log/mod.rs", "use crate::{\n    error::Error,\n    lane::Lane,\n};\n")
                .len(),
            1
        );
        assert_eq!(problems("slipstream/src/log/mod.rs", "fn a() { crate::lane::b() }\n").len(), 1);
        assert_eq!(problems("slipstream/src/log/mod.rs", "use crate::Running;\n").len(), 1);
        assert_eq!(problems("slipstream/src/log/mod.rs", "use super::app::App;\n").len(), 1);
        assert_eq!(problems("slipstream/src/log/memory.rs", "use super::app::App;\n").len(), 0);
    }

    #[test]
    fn downward_and_sideways_is_free() {
        let text =
            "use crate::{Error, error::Result, store};\n// crate::app\n#[cfg(test)]\nuse crate::app::App;\n";
        assert_eq!(problems("slipstream/src/log/mod.rs", text), Vec::<String>::new());
    }

    #[test]
    fn a_module_without_a_floor_names_the_table() {
        let problems = problems("slipstream/src/attic.rs", "");
        assert!(problems[0].contains("`attic` has no floor") && problems[0].contains(TABLE), "{problems:?}");
    }

    #[test]
    fn a_tree_has_its_leaves() {
        assert_eq!(leaves("a::{b, c::{d, e as f}}; rest"), ["a::b", "a::c::d", "a::c::e as f"]);
    }
}
