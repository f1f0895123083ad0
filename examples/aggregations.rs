//! A window that slides with each event: how often each emoji came within the last three seconds of event time.
//!
//! `cargo run --example aggregations`

use slipstream::prelude::*;
use std::fmt::Write as _;

type Event = (String, f64);

/// The events within the window, as of the newest one.
static WINDOW: Cache<String, Vec<Event>> = Cache::new("emoji");

const WINDOW_SECONDS: f64 = 3.0;

fn messages() -> impl Stream<Item = Event> {
    let events = [
        ("🏆", 0.0),
        ("📞", 0.5),
        ("🐟", 1.0),
        ("👌", 2.0),
        ("🏆", 3.5),
        ("📞", 4.0),
        ("🐟", 5.0),
        ("👌", 5.5),
    ];
    every(millis(100)).zip(slipstream::iter(events)).map(|(_, (emoji, at))| (emoji.to_owned(), at))
}

#[handle(source = messages, sink = [print])]
fn sliding(event: Event) -> Result<String> {
    let now = event.1;
    let window = WINDOW.update("sliding", |events| {
        let mut events = events.unwrap_or_default();
        events.push(event.clone());
        events.retain(|(_, at)| now - at <= WINDOW_SECONDS);
        events
    })?;
    Ok(format!("Sliding window ending at {now:?}: {}", counted(&window)))
}

/// How often each emoji is there, in the order of their first appearance.
fn counted(events: &[Event]) -> String {
    let mut counts: Vec<(&str, u32)> = Vec::new();
    for (emoji, _) in events {
        match counts.iter_mut().find(|(counted, _)| counted == emoji) {
            Some((_, n)) => *n += 1,
            None => counts.push((emoji, 1)),
        }
    }
    let mut text = String::new();
    for (emoji, n) in counts {
        let comma = if text.is_empty() { "" } else { ", " };
        let _ = write!(text, "{comma}'{emoji}': {n}"); // to a string: it cannot fail
    }
    format!("{{{text}}}")
}

#[slipstream::main]
async fn main() -> slipstream::Result<()> {
    let state = tempfile::tempdir()?;
    let config = Config::new().set("state.dir", state.path().to_string_lossy());
    App::collected().config(config).run().await
}
