//! A codec of your own choice: messages in Avro, by a schema in a file.
//!
//! `cargo run --features avro --example avro_codec`

use slipstream::avro::{HasSchema, SchemaSource, times};
use slipstream::prelude::*;

/// The schema is read when the app starts; one that is missing or wrong is said before the first message.
struct WeatherSchema;

impl HasSchema for WeatherSchema {
    const SCHEMA: SchemaSource =
        SchemaSource::File(concat!(env!("CARGO_MANIFEST_DIR"), "/data/weather.avsc"));
}

#[derive(Serialize, Deserialize)]
struct Weather {
    #[serde(with = "times::timestamp_millis")]
    timestamp: DateTime<Utc>,
    value: String,
    celsius: Option<f64>,
}

static WEATHER: Topic<String, Weather, Avro<WeatherSchema>> =
    Topic::new("weather").start(Start::Earliest).until_end();

fn readings() -> impl Iterator<Item = (&'static str, &'static str, Option<f64>)> {
    [("10:00", "🌞", Some(4.5)), ("11:00", "⛅", Some(3.0)), ("12:00", "🌧", None)].into_iter()
}

#[handle(source = readings, sink = [WEATHER])]
fn measure((time, value, celsius): (&str, &str, Option<f64>)) -> Result<(String, Weather)> {
    let timestamp = format!("2023-01-01T{time}:00Z").parse()?;
    Ok(("Delft".to_owned(), Weather { timestamp, value: value.to_owned(), celsius }))
}

#[handle(source = WEATHER, sink = [print])]
fn show(weather: Weather, place: Key<String>) -> String {
    let celsius = weather.celsius.map_or_else(|| "?".to_owned(), |celsius| format!("{celsius:.1}"));
    format!("{} {}: {} {celsius} °C", weather.timestamp.format("%H:%M"), place.0, weather.value)
}

#[slipstream::main]
async fn main() -> slipstream::Result<()> {
    App::collected().config(Config::new().set("kafka.bootstrap.servers", "memory")).run().await
}
