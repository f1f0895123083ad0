//! The form of a file: its first line, stray space, examples that are not run.

use super::{Problem, Source};

/// The first line says what the file is for; what the compiler is to refuse, or a snapshot, has no need to.
pub(super) fn opens_with_what_it_is_for(file: &Source) -> Vec<Problem> {
    let fixture =
        file.path.starts_with("tests/") && file.path.split('/').any(|dir| dir == "ui" || dir == "snapshots");
    if fixture || file.text.starts_with("//!") {
        return Vec::new();
    }
    vec![(1, "the file does not open with `//!`: say there what it is for".into())]
}

pub(super) fn has_no_stray_space(file: &Source) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (line, text) in (1..).zip(file.text.lines()) {
        if text.ends_with([' ', '\t']) {
            problems.push((line, "space at the end of the line: remove it".into()));
        } else if text.contains('\t') {
            problems.push((line, "a tab: write spaces, or `\\t` in a string".into()));
        }
    }
    problems
}

/// An example in the documentation that nobody runs is soon wrong.
pub(super) fn runs_its_examples(file: &Source) -> Vec<Problem> {
    if !file.path.starts_with("slipstream") {
        return Vec::new();
    }
    let unrun = |text: &str| {
        let (_, words) = text.trim_start().strip_prefix("//")?.split_once("```")?;
        words
            .split(',')
            .map(str::trim)
            .find(|word| word.starts_with("ignore") || *word == "no_run")
            .map(str::to_string)
    };
    let lines = (1..).zip(file.text.lines());
    lines
        .filter_map(|(line, text)| Some((line, format!("an example marked `{}`: make it run", unrun(text)?))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::source;
    use super::*;

    #[test]
    fn a_file_opens_with_what_it_is_for() {
        assert_eq!(opens_with_what_it_is_for(&source("slipstream/src/a.rs", "use b;\n")).len(), 1);
        assert!(opens_with_what_it_is_for(&source("slipstream/src/a.rs", "//! A.\n")).is_empty());
        assert!(opens_with_what_it_is_for(&source("tests/ui/keys/unknown.rs", "fn main() {}\n")).is_empty());
    }

    #[test]
    fn stray_space_is_found_by_line() {
        let problems = has_no_stray_space(&source("a.rs", "good\nbad \n\tbad\n"));
        assert_eq!(problems.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn an_example_is_run() {
        for bad in ["/// ```ignore\n", "//! ```rust,no_run\n", "    /// ```ignore-windows\n"] {
            assert_eq!(runs_its_examples(&source("slipstream/src/a.rs", bad)).len(), 1, "{bad}");
        }
        for good in ["/// ```\n", "/// ```compile_fail\n", "/// ```text\n"] {
            assert!(runs_its_examples(&source("slipstream/src/a.rs", good)).is_empty(), "{good}");
        }
    }
}
