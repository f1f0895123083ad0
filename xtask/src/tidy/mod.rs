//! `tidy`: what no lint checks. A rule is a function from a file to its problems, and has a small bad input as
//! its test.

mod code;
mod examples;
mod floors;
mod manifest;
mod panics;
mod size;
mod text;

use crate::machine;
use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// A file as a rule sees it: the path is relative to the workspace, with `/` between folders.
struct Source {
    path: String,
    text: String,
    /// Whether all of it is for tests.
    test: bool,
}

/// A line (from 1) and what is wrong with it.
type Problem = (usize, String);
type Rule = fn(&Source) -> Vec<Problem>;

const RULES: &[Rule] = &[
    text::opens_with_what_it_is_for,
    text::has_no_stray_space,
    text::runs_its_examples,
    size::is_small,
    panics::says_why,
];

const FOLDERS: &[&str] = &["slipstream", "slipstream-macros", "examples", "tests", "xtask"];
const LIBRARY: &str = "slipstream/src/";

pub(crate) fn run() -> Result<bool> {
    let mut files = Vec::new();
    for folder in FOLDERS {
        collect(&machine::root().join(folder), folder, &mut files)?;
    }
    files.push(read(&machine::root().join("Cargo.toml"), "Cargo.toml")?);
    let (mut sources, manifests): (Vec<Source>, Vec<Source>) =
        files.into_iter().partition(|file| file.path.ends_with(".rs"));

    code::mark_tests(&mut sources);
    let mut found = Vec::new();
    for source in &sources {
        let problems = RULES.iter().flat_map(|rule| rule(source));
        found.extend(problems.map(|(line, what)| format!("{}:{line}: {what}", source.path)));
    }
    found.extend(floors::check(&sources));
    found.extend(examples::check(&sources));
    found.extend(manifest::check(&manifests));
    for problem in &found {
        println!("{problem}");
    }
    let library = sources.iter().filter(|source| source.path.starts_with(LIBRARY));
    let (count, lines) =
        library.fold((0, 0), |(count, lines), file| (count + 1, lines + file.text.lines().count()));
    println!("library: {lines} lines in {count} files; {} problems", found.len());
    Ok(found.is_empty())
}

/// All Rust files and manifests below a folder, in the order of their names.
fn collect(dir: &Path, name: &str, files: &mut Vec<Source>) -> Result<()> {
    let entries =
        fs::read_dir(dir).with_context(|| format!("cannot list {name}: is it a folder of the workspace?"))?;
    let mut entries = entries.collect::<std::io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let file = entry.file_name().to_string_lossy().into_owned();
        let inner = format!("{name}/{file}");
        if entry.file_type()?.is_dir() {
            if !file.starts_with('.') && file != "target" {
                collect(&entry.path(), &inner, files)?;
            }
        } else if file.ends_with(".rs") || file == "Cargo.toml" {
            files.push(read(&entry.path(), &inner)?);
        }
    }
    Ok(())
}

fn read(file: &Path, path: &str) -> Result<Source> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {path}"))?;
    Ok(Source { path: path.into(), text, test: false })
}

#[cfg(test)]
fn source(path: &str, text: &str) -> Source {
    Source { path: path.into(), text: text.into(), test: false }
}
