//! The picture for Mermaid, as READMEs show it. Handlers are boxes, caches drums, topics slanted; a dotted line comes from
//! what is not replayed after a crash, a thick one goes to a topic of dead letters.

use super::{Handler, Kind, Picture};
use std::fmt::Write as _;

pub(super) fn drawn(picture: &Picture<'_>) -> String {
    let mut text = "flowchart LR\n".to_owned();
    // Writing to a string does not fail.
    for (number, node) in picture.nodes.iter().enumerate() {
        let (open, close) = match node.kind {
            Kind::Topic => ("[/", "/]"),
            Kind::Cache => ("[(", ")]"),
            Kind::Channel => ("[[", "]]"),
            Kind::Source | Kind::Function => ("([", "])"),
        };
        let kind = match node.kind {
            Kind::Source | Kind::Function => "",
            kind => &format!("{} ", kind.word()),
        };
        // What belongs to one handler is known by what is written there.
        let name = if node.kind == Kind::Source && !node.note.is_empty() { &node.note } else { &node.name };
        let _ = writeln!(text, "    n{number}{open}\"{kind}{}\"{close}", label(name));
    }
    for (number, handler) in picture.handlers.iter().enumerate() {
        let _ = writeln!(text, "    h{number}[\"{}\"]", words(handler));
        for node in &handler.from {
            let line = if picture.nodes[*node].goes_on { "-->" } else { "-.->" };
            let pipes: Vec<String> = handler.sketch.pipes.iter().map(|pipe| label(pipe)).collect();
            let pipes = if pipes.is_empty() { String::new() } else { format!("|\"{}\"|", pipes.join(", ")) };
            let _ = writeln!(text, "    n{node} {line}{pipes} h{number}");
        }
        for node in &handler.to {
            let _ = writeln!(text, "    h{number} --> n{node}");
        }
        if let Some(node) = handler.dead {
            let _ = writeln!(text, "    h{number} ==>|\"dead letters\"| n{node}");
        }
    }
    text
}

/// A handler, and what of it is not as usual.
fn words(handler: &Handler<'_>) -> String {
    let options = handler.sketch.options.iter().cloned();
    let policy =
        Some(handler.policy()).filter(|policy| policy != "stop").map(|policy| format!("failing: {policy}"));
    let lines = std::iter::once(handler.about.name.clone()).chain(options).chain(policy);
    lines.map(|line| label(&line)).collect::<Vec<_>>().join("<br>")
}

/// A text that Mermaid takes for nothing else: what it or HTML would read is written by its number.
fn label(text: &str) -> String {
    let mut written = String::new();
    for c in super::one_line(text).chars() {
        match c {
            '"' | '#' | '&' | '<' | '>' | '`' | '\\' => {
                let _ = write!(written, "#{};", u32::from(c));
            }
            c => written.push(c),
        }
    }
    written
}
