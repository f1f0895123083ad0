//! A real job: one week of earthquakes through a topic, counted by the network that reported them.
//!
//! `cargo run --example quakes` keeps the topic in memory. On a broker, also as two commands:
//! `SLIPSTREAM_KAFKA_BOOTSTRAP_SERVERS=ADDRESS cargo run --features kafka --example quakes -- feed`, then `-- count`.

use slipstream::prelude::*;

#[derive(Serialize, Deserialize)]
struct Quake {
    id: String,
    net: String,
    mag: Option<f64>,
    place: String,
}

static QUAKES: Topic<String, Quake> = Topic::new("quakes").partitions(4).start(Start::Earliest).until_end();
static COUNTS: Cache<String, u64> = Cache::new("counts");

/// The lines of the file; made by the US Geological Survey, see `data/README.md`.
fn lines() -> impl Iterator<Item = &'static str> {
    include_str!("data/earthquakes.jsonl").lines()
}

#[handle(source = lines, sink = [QUAKES])]
fn feed(line: &str) -> Result<(String, Quake)> {
    let quake: Quake = serde_json::from_str(line)?;
    Ok((quake.id.clone(), quake))
}

/// Exact, though every network is spread over all four partitions: the get and the sink are one transaction.
#[handle(source = QUAKES, sink = [COUNTS])]
async fn count(quake: &Quake) -> Result<(String, u64)> {
    let n = COUNTS.get(&quake.net)?.unwrap_or(0) + 1;
    Ok((quake.net.clone(), n))
}

async fn table() -> Result<()> {
    let mut rows = COUNTS.iter().collect::<Result<Vec<_>>>()?;
    rows.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    for (net, n) in rows {
        println!("{net} {n}");
    }
    Ok(())
}

#[slipstream::main]
async fn main(words: Vec<String>) -> slipstream::Result<()> {
    let app = App::collected().config(Config::new().set("kafka.bootstrap.servers", "memory"));
    match words.first().map(String::as_str) {
        None => app.on_stop(table).run().await,
        Some("feed") => app.only(["feed"]).run().await,
        Some("count") => app.only(["count"]).on_stop(table).run().await,
        Some(word) => {
            eprintln!("there is no command `{word}`. Usage: quakes [feed | count]");
            std::process::exit(2)
        }
    }
}
