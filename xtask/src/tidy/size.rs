//! The size of a file: one that has grown past it holds more than one idea.

use super::{Problem, Source};

/// Lines of code, without blank and comment lines.
const FILE: usize = 500;
/// All lines of an example: it is read from top to bottom.
const EXAMPLE: usize = 80;

pub(super) fn is_small(file: &Source) -> Vec<Problem> {
    let lines = file.text.lines().count();
    if file.path.starts_with("examples/") && lines >= EXAMPLE {
        return vec![(
            lines,
            format!("{lines} lines, and an example stays under {EXAMPLE}: leave out what is not its point"),
        )];
    }
    let code =
        file.text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count();
    if code > FILE {
        return vec![(1, format!("{code} lines of code, and a file has at most {FILE}: split it by idea"))];
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::super::source;
    use super::*;

    #[test]
    fn comments_do_not_count_as_code() {
        assert_eq!(is_small(&source("slipstream/src/a.rs", &"a();\n".repeat(501))).len(), 1);
        assert!(is_small(&source("slipstream/src/a.rs", &"a();\n// b\n\n".repeat(500))).is_empty());
    }

    #[test]
    fn an_example_is_under_80_lines() {
        assert_eq!(is_small(&source("examples/timer.rs", &"// a\n".repeat(80))).len(), 1);
        assert!(is_small(&source("examples/timer.rs", &"// a\n".repeat(79))).is_empty());
    }
}
