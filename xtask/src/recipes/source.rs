//! Source: a connection that is cut in the middle of an event loses and doubles nothing.

use super::compare;
use super::events::{EVENTS, Server, change, id};
use super::example::Example;
use anyhow::Result;
use std::time::Duration;

pub(super) fn reconnects() -> Result<()> {
    let server = Server::start()?;
    let mut source = Example::new("source")?.arg(&server.url()).start()?;
    // A client may wait some seconds before it connects again; what comes too often comes soon after.
    source.wait_until(|lines| changes(lines).len() >= EVENTS, Duration::from_secs(30));
    source.wait_until(|_| false, Duration::from_millis(300));
    let ended = source.terminate()?;
    ended.with_code(0)?;
    let expected: Vec<String> = (0..EVENTS).map(|event| format!("Wiki change {}!", change(event))).collect();
    compare::same(&expected.join("\n"), &changes(&ended.lines))?;
    // Two handlers, one connection: the first, and one after each of the two cuts.
    let resumed = ["none".to_string(), id(2), id(5)];
    compare::same(&resumed.join("\n"), &server.resumed())
        .map_err(|diff| diff.context("`Last-Event-ID` of each connection"))
}

/// The lines of the first handler; the second has its own.
fn changes(lines: &[String]) -> Vec<String> {
    lines.iter().filter(|line| line.starts_with("Wiki change")).cloned().collect()
}
