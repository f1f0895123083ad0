//! A join whose one side goes down: the other waits for it, and goes back to where it went on without it.
//!
//! `cargo run --example synchronization`; with `SLIPSTREAM_KAFKA_BOOTSTRAP_SERVERS=ADDRESS` and `--features kafka` its topic
//! is on a broker.

use slipstream::prelude::*;

#[derive(Clone, Serialize, Deserialize)]
struct Message {
    timestamp: DateTime<Utc>,
    value: String,
}

static WEATHER: Cache<DateTime<Utc>, Message> = Cache::new("weather");
static ACTIVITY: Topic<Option<String>, Message> = Topic::new("activity").start(Start::Earliest).until_end();
/// The activity waits for the weather where that is more than an hour behind.
static SYNC: Checkpoint = Checkpoint::new("activity", &[Dependency::new("weather", hours(1))])
    .on_downtime(&paused)
    .on_recovery(&go_back);

async fn paused(_: Outage) -> Result<()> {
    println!("\tThe stream is automatically paused.");
    Ok(())
}

async fn go_back(outage: Outage) -> Result<()> {
    let offsets = outage.offsets();
    println!("\tDowntime resolved, going back to offset {offsets:?} for reprocessing.");
    ACTIVITY.seek(offsets.clone()).await
}

/// What it yields ends a step of its own: the others see it while the stream is down.
#[handle(source = weather, sink = [WEATHER])]
async fn note(message: Message) -> Result<impl Stream<Item = (DateTime<Utc>, Message)>> {
    SYNC.heartbeat(message.timestamp).await?;
    let breaks_down = slipstream::iter((message.value == "⛅").then_some(()));
    let noted = slipstream::iter([(message.timestamp, message)]);
    Ok(noted.chain(breaks_down.filter_map(|()| async {
        println!("\tKilling weather stream on purpose");
        tokio::time::sleep(PERIOD * 5).await;
        println!("\tRecovering the weather stream");
        None
    })))
}

#[handle(source = activity, sink = [ACTIVITY])]
fn produce(message: Message) -> (Option<String>, Message) {
    (None, message)
}

#[handle(source = ACTIVITY, sink = [print])]
async fn join(activity: &Message) -> Result<String> {
    if let Some(downtime) = SYNC.check_pulse(activity.timestamp).await? {
        println!("\tDowntime detected: {downtime}, (could cause faulty enrichment)");
    }
    Ok(match WEATHER.values().rev().from(&activity.timestamp).next().transpose()? {
        Some(weather) => format!("The weather during {} was {}", activity.value, weather.value),
        None => format!("{}, ?", activity.value),
    })
}

#[slipstream::main]
async fn main() -> slipstream::Result<()> {
    let state = tempfile::tempdir()?;
    let config = Config::new()
        .set("kafka.bootstrap.servers", "memory")
        .set("state.dir", state.path().to_string_lossy());
    let topic = format!("activity-{}", std::process::id());
    App::collected().config(config.set("topic.activity.name", topic)).run().await
}

/// The time between two messages of a stream.
const PERIOD: Duration = millis(500);

fn weather() -> impl Stream<Item = Result<Message>> {
    messages(millis(0), [("10:00", "🌞"), ("11:00", "⛅"), ("12:00", "🌦️"), ("13:00", "🌧")])
}

/// Half a period behind the weather, so that no line depends on luck.
fn activity() -> impl Stream<Item = Result<Message>> {
    let activities =
        [("10:30", "swimming"), ("11:30", "walking home"), ("12:30", "shopping"), ("13:10", "lunch")];
    messages(PERIOD / 2, activities)
}

/// One for each period, the first a little late.
fn messages(late: Duration, messages: [(&str, &str); 4]) -> impl Stream<Item = Result<Message>> {
    let messages = messages.map(|(time, value)| (format!("2023-01-01T{time}:00Z"), value.to_owned()));
    slipstream::iter(messages).enumerate().then(move |(n, (time, value))| async move {
        tokio::time::sleep(if n == 0 { late } else { PERIOD }).await;
        Ok(Message { timestamp: time.parse()?, value })
    })
}
