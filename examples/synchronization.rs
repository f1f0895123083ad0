//! A join whose one side goes down: the other waits where it is more than an hour ahead, and goes back to where it went on
//! alone. `cargo run --example synchronization`; on a broker with `--features kafka`, as `quakes`.

use slipstream::prelude::*;

#[derive(Clone, Serialize, Deserialize)]
struct Message {
    timestamp: DateTime<Utc>,
    value: String,
}

static WEATHER: Cache<DateTime<Utc>, Message> = Cache::new("weather");
static ACTIVITY: Topic<Option<String>, Message> = Topic::new("activity").start(Start::Earliest).until_end();
static SYNC: Checkpoint = Checkpoint::new("activity", &[Dependency::new("weather", hours(1))])
    .on_downtime(&paused)
    .on_recovery(&go_back);

async fn paused(_: Outage) -> Result<()> {
    println!("\tThe stream is automatically paused.");
    Ok(())
}

async fn go_back(outage: Outage) -> Result<()> {
    println!("\tDowntime resolved, going back to offset {:?} for reprocessing.", outage.offsets());
    ACTIVITY.seek_back(outage.offsets().clone()).await
}

/// What it yields ends a step of its own: the others see it while the stream is down.
#[handle(source = messages(0, WEATHERS), sink = [WEATHER])]
async fn note(message: Message, ctx: Ctx) -> Result<impl Stream<Item = (DateTime<Utc>, Message)>> {
    SYNC.heartbeat(message.timestamp).await?;
    let breaks_down = slipstream::iter((message.value == "⛅").then_some(ctx.clock().clone()));
    let noted = slipstream::iter([(message.timestamp, message)]);
    Ok(noted.chain(breaks_down.filter_map(|clock| async move {
        println!("\tKilling weather stream on purpose");
        clock.sleep(PERIOD * 5).await;
        println!("\tRecovering the weather stream");
        None
    })))
}

/// Half a period behind the weather, so that no line depends on luck.
#[handle(source = messages(1, ACTIVITIES), sink = [ACTIVITY])]
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
    let (state, topic) = (tempfile::tempdir()?, format!("activity-{}", std::process::id()));
    let config = Config::new().set("kafka.bootstrap.servers", "memory").set("topic.activity.name", topic);
    App::collected().config(config.set("state.dir", state.path().to_string_lossy())).run().await
}

const PERIOD: Duration = millis(500);
const WEATHERS: [(&str, &str); 4] = [("10:00", "🌞"), ("11:00", "⛅"), ("12:00", "🌦️"), ("13:00", "🌧")];
const ACTIVITIES: [(&str, &str); 4] =
    [("10:30", "swimming"), ("11:30", "walking home"), ("12:30", "shopping"), ("13:10", "lunch")];

/// A message each period, so many halves of it later.
fn messages(late: usize, messages: [(&'static str, &'static str); 4]) -> impl Stream<Item = Result<Message>> {
    every(PERIOD / 2).skip(late).chunks(2).zip(slipstream::iter(messages)).map(|(_, (time, value))| {
        Ok(Message { timestamp: format!("2023-01-01T{time}:00Z").parse()?, value: value.to_owned() })
    })
}
