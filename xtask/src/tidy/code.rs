//! The code of a file: its lines without those of its tests.

/// The lines with their numbers (from 1), without blocks under `#[cfg(test)]`.
///
/// A block ends with the brace at the indentation at which it began, as rustfmt writes it.
pub(super) fn without_tests(text: &str) -> Vec<(usize, &str)> {
    let mut lines = Vec::new();
    let mut all = (1..).zip(text.lines());
    while let Some((number, line)) = all.next() {
        if line.trim() != "#[cfg(test)]" {
            lines.push((number, line));
            continue;
        }
        let indent = &line[..line.len() - line.trim_start().len()];
        let end = format!("{indent}}}");
        // What stands under it is a block, or ends on its own line.
        let item = all.by_ref().map(|(_, line)| line).find(|line| !line.trim_start().starts_with("#["));
        if item.is_some_and(|line| line.ends_with('{')) {
            all.by_ref().find(|(_, line)| *line == end);
        }
    }
    lines
}

/// Whether all of a file is for tests.
pub(super) fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// A line up to its comment, and the comment. (A `//` after a `:` is an address.)
pub(super) fn split_comment(line: &str) -> (&str, &str) {
    let start = line.match_indices("//").map(|(at, _)| at).find(|at| !line[..*at].ends_with(':'));
    line.split_at(start.unwrap_or(line.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_of_tests_is_left_out_and_the_rest_keeps_its_numbers() {
        let text = "a\n#[cfg(test)]\nmod tests {\n    fn b() {\n    }\n}\nc\n    #[cfg(test)]\n    use d;\ne";
        assert_eq!(without_tests(text), [(1, "a"), (7, "c"), (10, "e")]);
    }

    #[test]
    fn an_address_is_no_comment() {
        assert_eq!(split_comment("a(\"http://b\"); // c"), ("a(\"http://b\"); ", "// c"));
    }
}
