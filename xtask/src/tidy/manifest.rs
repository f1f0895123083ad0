//! Each dependency says why it is there: on its line, on the line above, or in the table of the workspace.

use super::Source;

pub(super) fn check(manifests: &[Source]) -> Vec<String> {
    let everywhere: Vec<&str> = manifests
        .iter()
        .filter(|file| file.path == "Cargo.toml")
        .flat_map(|file| dependencies(&file.text))
        .filter(|dependency| dependency.reason)
        .map(|dependency| dependency.name)
        .collect();
    let mut problems = Vec::new();
    for file in manifests {
        for Dependency { name, line, reason, inherited } in dependencies(&file.text) {
            let told = reason || inherited && everywhere.contains(&name);
            if !told {
                problems.push(format!(
                    "{}:{line}: no reason for `{name}`: say behind it what it is for",
                    file.path
                ));
            }
        }
    }
    problems
}

struct Dependency<'a> {
    name: &'a str,
    line: usize,
    reason: bool,
    /// Whether the table of the workspace says the rest.
    inherited: bool,
}

/// A package of our own needs no reason: it is where it is.
fn dependencies(text: &str) -> Vec<Dependency<'_>> {
    let mut found = Vec::new();
    let mut inside = false;
    let mut before = "";
    for (line, text) in (1..).zip(text.lines().map(str::trim)) {
        if let Some(table) = text.strip_prefix('[') {
            let table = table.split(']').next().unwrap_or_default();
            inside = table.ends_with("dependencies");
        } else if let Some((key, value)) = text.split_once('=')
            && inside
            && !text.starts_with('#')
        {
            let name = key.split('.').next().unwrap_or_default().trim();
            let reason = value.contains('#') || before.starts_with('#') || value.contains("path = ");
            found.push(Dependency { name, line, reason, inherited: text.contains("workspace = true") });
        }
        before = text;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::source;
    use super::*;

    #[test]
    fn a_dependency_has_a_reason_here_or_in_the_workspace() {
        let root = source(
            "Cargo.toml",
            "[workspace.dependencies]\na = \"1\" # for a\nb = \"1\"\nown = { path = \"own\" }\n",
        );
        let member = source(
            "tests/Cargo.toml",
            "[package]\nname = \"x\"\n[dev-dependencies]\na.workspace = true\nb = { workspace = true }\n\
             # for c\nc = \"1\"\nd = \"1\"\nown.workspace = true\n[features]\ndefault = []\n",
        );
        let problems = check(&[root, member]);
        let starts: Vec<_> = problems.iter().filter_map(|problem| problem.split(": no").next()).collect();
        assert_eq!(starts, ["Cargo.toml:3", "tests/Cargo.toml:5", "tests/Cargo.toml:8"]);
    }
}
