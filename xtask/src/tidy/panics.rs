//! The library does not panic; where it could, a comment says why it does not.

use super::code::{split_comment, without_tests};
use super::{LIBRARY, Problem, Source};

const PANICS: &[&str] = &[".unwrap()", ".expect(", "panic!("];

pub(super) fn says_why(file: &Source) -> Vec<Problem> {
    let testing = file.path.strip_prefix(LIBRARY).is_none_or(|path| path.starts_with("testing"));
    if testing || file.test {
        return Vec::new();
    }
    let mut problems = Vec::new();
    let mut reason_above = false;
    for (number, line) in without_tests(&file.text) {
        let (code, comment) = split_comment(line);
        let here = !comment.is_empty() || code.contains("reason = ");
        if let Some(panic) = PANICS.iter().find(|panic| code.contains(**panic))
            && !(here || reason_above)
        {
            let what = format!("`{panic}` without a reason: return an error, or say above why it cannot be");
            problems.push((number, what));
        }
        // A reason may stand above the attribute that allows the panic, or in it.
        let code = code.trim();
        let attribute = code.starts_with("#[");
        reason_above = if attribute { reason_above || here } else { code.is_empty() && here };
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::super::source;
    use super::*;

    fn problems(text: &str) -> usize {
        says_why(&source("slipstream/src/a.rs", text)).len()
    }

    #[test]
    fn a_panic_has_a_reason() {
        assert_eq!(problems("a.unwrap();\n"), 1);
        assert_eq!(problems("    .expect(\"b\")\n"), 1);
        assert_eq!(problems("panic!(\"c\");\n"), 1);
        assert_eq!(problems("b(); // about b\na.unwrap();\n"), 1);
    }

    #[test]
    fn a_reason_stands_beside_or_above() {
        assert_eq!(problems("a.unwrap(); // set two lines above\n"), 0);
        assert_eq!(problems("// a is never empty\na.unwrap();\n"), 0);
        assert_eq!(
            problems("#[expect(clippy::expect_used, reason = \"never empty\")]\na.expect(\"b\");\n"),
            0
        );
    }

    #[test]
    fn examples_and_tests_may_panic() {
        assert_eq!(problems("/// a.unwrap();\n#[cfg(test)]\nmod tests {\n    a.unwrap();\n}\n"), 0);
    }
}
