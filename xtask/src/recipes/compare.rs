//! What was printed beside what should be, as a diff when they are not the same.

use anyhow::{Result, bail};

/// Compares line by line; the error shows missing lines with `-` and surplus ones with `+`.
pub(super) fn same(expected: &str, printed: &[String]) -> Result<()> {
    let expected: Vec<&str> = expected.lines().collect();
    if expected == printed {
        return Ok(());
    }
    bail!("--- expected\n+++ printed\n{}", diff(&expected, printed).join("\n"))
}

/// The classic: a table of the longest common part of the rests, then the way through it.
fn diff(expected: &[&str], printed: &[String]) -> Vec<String> {
    let mut common = vec![vec![0; printed.len() + 1]; expected.len() + 1];
    for (i, left) in expected.iter().enumerate().rev() {
        for (j, right) in printed.iter().enumerate().rev() {
            let skip = common[i + 1][j].max(common[i][j + 1]);
            common[i][j] = if left == right { common[i + 1][j + 1] + 1 } else { skip };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut lines = Vec::new();
    while i < expected.len() || j < printed.len() {
        let (left, right) = (expected.get(i), printed.get(j));
        match (left, right) {
            (Some(left), Some(right)) if left == right => {
                lines.push(format!(" {left}"));
                (i, j) = (i + 1, j + 1);
            }
            (Some(left), _) if right.is_none() || common[i + 1][j] >= common[i][j + 1] => {
                lines.push(format!("-{left}"));
                i += 1;
            }
            (_, Some(right)) => {
                lines.push(format!("+{right}"));
                j += 1;
            }
            _ => break,
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(expected: &[&str], printed: &[&str]) -> String {
        let printed: Vec<String> = printed.iter().map(ToString::to_string).collect();
        diff(expected, &printed).join("|")
    }

    #[test]
    fn a_doubled_and_a_lost_line_are_shown_where_they_are() {
        assert_eq!(shown(&["a", "b", "c"], &["a", "a", "c"]), " a|-b|+a| c");
        assert_eq!(shown(&["a", "b"], &["a"]), " a|-b");
        assert_eq!(shown(&["a"], &["a", "b"]), " a|+b");
    }

    #[test]
    fn the_same_lines_are_no_error() {
        assert!(same("a\nb\n", &["a".to_string(), "b".to_string()]).is_ok());
    }
}
