//! The picture in words.

use super::{Kind, Node, Picture, one_line};
use std::fmt::Write as _;

pub(super) fn drawn(picture: &Picture<'_>) -> String {
    let mut text = format!("app {}\n", one_line(&picture.app));
    let name = |node: &Node| format!("{} {}", node.kind.word(), one_line(&node.name));
    for handler in &picture.handlers {
        // Writing to a string does not fail.
        let _ = writeln!(text, "\nhandler {}, {}", one_line(&handler.about.name), handler.about.place);
        let mut line = |key: &str, value: &str| {
            let _ = writeln!(text, "  {key:<7}  {value}");
        };
        for node in &handler.from {
            line("from", &name(&picture.nodes[*node]));
        }
        if !handler.sketch.pipes.is_empty() {
            let pipes: Vec<String> = handler.sketch.pipes.iter().map(|pipe| one_line(pipe)).collect();
            line("through", &pipes.join(", "));
        }
        for node in &handler.to {
            line("to", &name(&picture.nodes[*node]));
        }
        for option in &handler.sketch.options {
            line("runs", option);
        }
        let dead = handler.dead.map(|node| format!(" to {}", name(&picture.nodes[node])));
        line("failing", &(handler.policy() + &dead.unwrap_or_default()));
        line("crash", handler.guarantee(&picture.nodes));
        if handler.sketch.has_foreign {
            line("", "a pipe is not the library's: what it holds is gone");
        }
    }
    for kind in [Kind::Source, Kind::Topic, Kind::Channel, Kind::Cache, Kind::Function] {
        let nodes: Vec<&Node> = picture.nodes.iter().filter(|node| node.kind == kind).collect();
        if nodes.is_empty() {
            continue;
        }
        let _ = writeln!(text, "\n{}", many(kind));
        for node in nodes {
            let note =
                if node.note.is_empty() { String::new() } else { format!(": {}", one_line(&node.note)) };
            let _ = writeln!(text, "  {}{note}", one_line(&node.name));
        }
    }
    text
}

fn many(kind: Kind) -> String {
    match kind {
        Kind::Source => "functions and expressions as sources".to_owned(),
        Kind::Function => {
            "functions as sinks, which may be called twice for a message after a crash".to_owned()
        }
        Kind::Topic | Kind::Channel | Kind::Cache => format!("{}s", kind.word()),
    }
}
