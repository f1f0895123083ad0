//! A temporal join: the weather at the time of each activity, which is the newest that is not later.
//!
//! `cargo run --example joins`

use slipstream::prelude::*;

#[derive(Clone, Serialize, Deserialize)]
struct Message {
    timestamp: DateTime<Utc>,
    value: String,
}

/// The weather by the time from which it holds.
static WEATHER: Cache<DateTime<Utc>, Message> = Cache::new("weather");

/// Messages of the first of January 2023, one for each pause.
fn messages(pause: Duration, messages: [(&str, &str); 4]) -> impl Stream<Item = Result<Message>> {
    let messages = messages.map(|(time, value)| {
        let timestamp = format!("2023-01-01T{time}:00Z").parse()?;
        Ok(Message { timestamp, value: value.to_owned() })
    });
    every(pause).zip(slipstream::iter(messages)).map(|(_, message)| message)
}

fn weather() -> impl Stream<Item = Result<Message>> {
    messages(millis(10), [("10:00", "🌞"), ("11:00", "⛅"), ("12:00", "🌦️"), ("13:00", "🌧")])
}

/// Slower than the weather, which the join relies on: it must be there in time.
fn activity() -> impl Stream<Item = Result<Message>> {
    let activities =
        [("10:30", "swimming"), ("11:30", "walking home"), ("12:30", "shopping"), ("13:10", "lunch")];
    messages(millis(200), activities)
}

#[handle(source = weather, sink = [WEATHER])]
fn note(message: &Message) -> (DateTime<Utc>, Message) {
    (message.timestamp, message.clone())
}

#[handle(source = activity, sink = [print])]
fn join(activity: Message) -> Result<String> {
    Ok(match WEATHER.values().rev().from(&activity.timestamp).next().transpose()? {
        Some(weather) => format!("The weather during {} was {}", activity.value, weather.value),
        None => format!("{}, ?", activity.value),
    })
}

#[slipstream::main]
async fn main() -> slipstream::Result<()> {
    let state = tempfile::tempdir()?;
    let config = Config::new().set("state.dir", state.path().to_string_lossy());
    App::collected().config(config).run().await
}
