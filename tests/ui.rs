//! What the compiler says of wrong programs: one error each, under the element at fault, in the user's words.
//!
//! A case marks what is at fault by `//~` and carets in the line below it. `TRYBUILD=overwrite` rewrites the expectations.

#![allow(clippy::unwrap_used)] // they are tests

use std::fs;
use std::path::{Path, PathBuf};

// With Avro there is a second `String` in reach, and the compiler shows both with their paths.
#[cfg_attr(feature = "avro", ignore = "runs with the default features")]
#[test]
fn compiler_messages() {
    let cases = trybuild::TestCases::new();
    cases.pass("ui/pass/*.rs");
    cases.compile_fail("ui/fail/*/*.rs");
}

/// Cases with more than one error, or with one elsewhere than marked, and why.
///
/// One more is known and not here, since its second error quotes the standard library: a closure as a pipe whose stream is
/// not `Send`. What a closure holds is known to the compiler only when all else has its type.
const EXCEPTED: &[(&str, &str)] = &[
    (
        "not_a_plain_fn/associated_fn.rs",
        "without `self` no token tells that it is in an impl: the compiler's own words",
    ),
    ("pipe/bound_fails.rs", "the user's own opaque type carries its failing bound on"),
    ("pipe/closure_within_of_another_type.rs", "the closure is wrong for the adapter and for the stream"),
];

/// Cases whose labels are not in the user's words, and why.
const EXCEPTED_LABELS: &[(&str, &str)] = &[
    (
        "by_value_without_clone/dead_letter.rs",
        "the compiler offers to take the message by `&`, which is right",
    ),
    ("by_value_without_clone/retry.rs", "as above"),
    ("by_value_without_clone/retry_then_dead_letter.rs", "as above"),
    ("options/dead_letter_without_serialize.rs", "the message is lent, and the label shows how"),
];

/// Names of our own that a user should not have to know. (`Traced<String, _>` may be said: it reads as what it is.)
const JARGON: &[&str] = &[
    "__rt",
    "Fits",
    "ToFn",
    "Lent<",
    "Copier",
    "Shown",
    "Offer<",
    "Returned<",
    "ByValue",
    "Claim",
    "E0034",
    "E0599",
    "FnSink",
    "Message<",
    "the trait `slipstream",
];

/// One message of the compiler: its first line, its labels, and where its main span is.
struct Message {
    first: String,
    labels: Vec<String>,
    line: usize,
    column: usize,
}

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui/fail");
    let mut cases: Vec<PathBuf> = fs::read_dir(root)
        .unwrap()
        .flat_map(|kind| fs::read_dir(kind.unwrap().path()).unwrap())
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    cases.sort();
    cases
}

fn messages(case: &Path) -> Vec<Message> {
    let text = fs::read_to_string(case.with_extension("stderr")).unwrap();
    let mut lines = text.lines().peekable();
    let mut messages = Vec::new();
    while let Some(line) = lines.next() {
        if !line.starts_with("error") || line.starts_with("error: could not compile") {
            continue;
        }
        let place = lines.peek().and_then(|place| place.trim().strip_prefix("--> ")).unwrap_or_default();
        let mut numbers = place.rsplit(':').map(|number| number.parse().unwrap_or(0));
        let (column, line_number) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        messages.push(Message {
            first: line.to_owned(),
            labels: labels(&mut lines),
            line: line_number,
            column,
        });
    }
    messages
}

/// What is written beside and below the carets of a message's own snippet; notes and helps come after it.
fn labels<'a>(lines: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>) -> Vec<String> {
    let mut labels = Vec::new();
    let is_snippet = |line: &&str| {
        line.starts_with(|c: char| c == ' ' || c.is_ascii_digit() || c == '.')
            && !line.trim_start().starts_with('=')
    };
    while let Some(line) = lines.next_if(is_snippet) {
        let label = line.trim_start().strip_prefix('|').unwrap_or_default();
        labels.push(label.trim_start_matches([' ', '|', '^', '-', '_']).to_owned());
    }
    labels.retain(|label| !label.is_empty());
    labels
}

/// Where the case says that the fault is: the line, and the first and the last column (by carets, or `from A to B`).
fn marked(case: &Path) -> Option<(usize, usize, usize)> {
    let text = fs::read_to_string(case).unwrap();
    let (at, mark) = text.lines().enumerate().find(|(_, line)| line.trim_start().starts_with("//~"))?;
    if let Some((first, last)) = mark.split_once("from ").and_then(|(_, range)| range.split_once(" to ")) {
        return Some((at, first.parse().ok()?, last.trim().parse().ok()?));
    }
    Some((at, mark.find('^')? + 1, mark.rfind('^')? + 1))
}

fn name(case: &Path) -> String {
    let kind = case.parent().and_then(Path::file_name).unwrap_or_default();
    format!("{}/{}", kind.display(), case.file_name().unwrap_or_default().display())
}

fn names(exceptions: &[(&str, &str)], case: &Path) -> bool {
    exceptions.iter().any(|(excepted, _)| name(case) == *excepted)
}

/// What is quoted of the standard library is there only where its sources are installed.
#[test]
fn no_case_quotes_the_standard_library() {
    let quotes = |case: &PathBuf| {
        let text = fs::read_to_string(case.with_extension("stderr")).unwrap();
        let mut lines = text.lines().skip_while(|line| !line.contains("$RUST/"));
        text.contains("/rustc/") || lines.nth(1).is_some_and(|line| line.trim() == "|")
    };
    let quoting: Vec<String> = cases().iter().filter(|case| quotes(case)).map(|case| name(case)).collect();
    assert!(quoting.is_empty(), "{quoting:?}");
}

#[test]
fn each_case_has_one_error_where_the_fault_is() {
    let cases = cases();
    assert!(cases.len() >= 60, "only {} cases", cases.len());
    assert!(EXCEPTED.len() <= 3, "too many exceptions");
    let mut wrong = Vec::new();
    for case in cases.iter().filter(|case| !names(EXCEPTED, case)) {
        let messages = messages(case);
        let [message] = messages.as_slice() else {
            wrong.push(format!("{}: {} errors", name(case), messages.len()));
            continue;
        };
        let Some((line, first, last)) = marked(case) else {
            wrong.push(format!("{}: no mark", name(case)));
            continue;
        };
        if message.line != line || !(first..=last).contains(&message.column) {
            let at = format!("{}:{}", message.line, message.column);
            wrong.push(format!("{}: at {at}, marked {line}:{first}-{last}: {}", name(case), message.first));
        }
        let labels = message.labels.iter().filter(|_| !names(EXCEPTED_LABELS, case));
        for said in [&message.first].into_iter().chain(labels) {
            if let Some(word) = JARGON.iter().find(|word| said.contains(**word)) {
                wrong.push(format!("{}: says `{word}`: {said}", name(case)));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
