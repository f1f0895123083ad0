//! The code of a file: its lines without those of its tests.

use super::Source;

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

/// Marks the files that are nothing but tests: `tests.rs`, and what `#[cfg(test)] mod NAME;` declares.
pub(super) fn mark_tests(sources: &mut [Source]) {
    let mut stems: Vec<String> = Vec::new();
    for source in sources.iter() {
        let dir = source.path.trim_end_matches(".rs").trim_end_matches("/mod").trim_end_matches("/lib");
        let lines: Vec<&str> = source.text.lines().map(str::trim).collect();
        for pair in lines.windows(2).filter(|pair| pair[0] == "#[cfg(test)]") {
            let name = pair[1]
                .trim_start_matches("pub(crate) ")
                .strip_prefix("mod ")
                .and_then(|rest| rest.strip_suffix(';'));
            stems.extend(name.map(|name| format!("{dir}/{name}")));
        }
    }
    for source in sources {
        let path = source.path.trim_end_matches(".rs");
        let declared = |stem: &String| {
            path.strip_prefix(stem.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        source.test = path.ends_with("/tests") || stems.iter().any(declared);
    }
}

/// A line up to its comment, and the comment. (A `//` after a `:` is an address.)
pub(super) fn split_comment(line: &str) -> (&str, &str) {
    let start = line.match_indices("//").map(|(at, _)| at).find(|at| !line[..*at].ends_with(':'));
    line.split_at(start.unwrap_or(line.len()))
}

#[cfg(test)]
mod tests {
    use super::super::source;
    use super::*;

    #[test]
    fn a_block_of_tests_is_left_out_and_the_rest_keeps_its_numbers() {
        let text = "a\n#[cfg(test)]\nmod tests {\n    fn b() {\n    }\n}\nc\n    #[cfg(test)]\n    use d;\ne";
        assert_eq!(without_tests(text), [(1, "a"), (7, "c"), (10, "e")]);
    }

    #[test]
    fn what_is_declared_for_tests_is_marked() {
        let declaring = "//! Logs.\n#[cfg(test)]\nmod conformance;\nmod memory;\n";
        let mut sources = [
            source("slipstream/src/log/mod.rs", declaring),
            source("slipstream/src/log/conformance/acks.rs", ""),
            source("slipstream/src/log/memory.rs", ""),
            source("slipstream/src/keys/tests.rs", ""),
        ];
        mark_tests(&mut sources);
        assert_eq!(sources.map(|source| source.test), [false, true, false, true]);
    }

    #[test]
    fn an_address_is_no_comment() {
        assert_eq!(split_comment("a(\"http://b\"); // c"), ("a(\"http://b\"); ", "// c"));
    }
}
