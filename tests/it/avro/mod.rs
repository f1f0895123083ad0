//! Avro as a topic's codec: plain, and by a schema registry that is not always well.

mod hostile;
mod interop;
mod keys;
mod references;
mod registry;
mod secure;

use super::common::{LONG, ended, within};
use apache_avro::AvroSchema;
use registry::Registry;
use slipstream::avro::{HasSchema, SchemaSource};
use slipstream::prelude::*;
use slipstream::testing::{Broker, Output};
use slipstream::{BoxError, Codec};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, AvroSchema)]
struct Weather {
    place: String,
    celsius: f64,
    #[serde(default)]
    #[avro(default = "null")]
    sky: Option<String>,
}

fn weather(place: &str) -> Weather {
    Weather { place: place.to_owned(), celsius: 7.5, sky: None }
}

static WEATHER: Topic<u32, Weather, Avro> = Topic::new("weather").start(Start::Earliest).until_end();
static BYTES: Topic<u32, Vec<u8>, Raw> = Topic::new("weather").start(Start::Earliest);
static DEAD: Topic<u32, Vec<u8>, Raw> = Topic::new("dead");
static SEEN: Output<Weather> = Output::new("seen");

#[handle(source = ["Delft", "Leiden"], sink = [WEATHER])]
fn measure(place: &str) -> (u32, Weather) {
    (1, weather(place))
}

#[handle(source = WEATHER, sink = [SEEN], on_error = dead_letter(&DEAD))]
fn see(weather: Weather) -> Weather {
    weather
}

const KEY: Option<&[u8]> = Some(&[0, 0, 0, 1]);

#[tokio::test]
async fn what_is_no_datum_goes_to_the_dead_letters_as_it_came() {
    let broker = Broker::new();
    ended(broker.app().handler(measure)).await;
    let bombs: [&[u8]; 4] = [b"{\"place\": \"Delft\"}", b"", &[0xfe, 0xff, 0xff, 0xff, 0x0f], &[0xff; 20]];
    for bomb in bombs {
        broker.write("weather", KEY, Some(bomb)).await.unwrap();
    }
    broker.write("weather", KEY, None).await.unwrap();
    let running = ended(broker.app().handler(see)).await;
    assert_eq!(running.drain(&SEEN).unwrap(), [weather("Delft"), weather("Leiden")]);
    static LETTERS: Topic<u32, Option<Vec<u8>>, Raw> = Topic::new("dead");
    let dead = broker.records(&LETTERS).unwrap();
    let raw: Vec<_> = dead.iter().map(|letter| letter.value.as_deref()).collect();
    assert_eq!(raw, [Some(bombs[0]), Some(bombs[1]), Some(bombs[2]), Some(bombs[3]), None]);
    let error = String::from_utf8_lossy(dead[2].headers().get("slipstream-error").unwrap()).into_owned();
    assert!(error.ends_with("at byte 5, in `place`: a length is larger than what is left"), "{error}");
}

struct Lost;

impl HasSchema for Lost {
    const SCHEMA: SchemaSource = SchemaSource::File("no/such.avsc");
}

static LOST: Topic<u32, Weather, Avro<Lost>> = Topic::new("lost");

#[handle(source = LOST)]
fn reads_lost(_: &Weather) {}

#[handle(source = ["Delft"], sink = [LOST])]
fn writes_lost(place: &str) -> (u32, Weather) {
    (1, weather(place))
}

#[tokio::test]
async fn a_schema_that_is_missing_is_found_before_the_first_message() {
    for app in [Broker::new().app().handler(reads_lost), Broker::new().app().handler(writes_lost)] {
        let error = app.start().await.err().unwrap();
        assert_eq!(error.exit_code(), 2);
        let text = error.to_string();
        assert!(
            text.contains("the codec of the topic `lost`: the schema file `no/such.avsc` cannot be read"),
            "{text}"
        );
    }
}

fn app(broker: &Broker, registry: &Registry) -> App {
    broker.app().config(Config::new().set("avro.registry.url", registry.url()))
}

/// What Confluent's serializer would write.
fn framed(id: u32, datum: &[u8]) -> Vec<u8> {
    [&[0], &id.to_be_bytes()[..], datum].concat()
}

#[tokio::test]
async fn values_are_written_behind_the_id_that_the_registry_gives() {
    let (broker, registry) = (Broker::new(), Registry::start());
    registry.fail(500, "oh", 2);
    let running = ended(app(&broker, &registry).handler(measure).handler(see)).await;
    assert_eq!(running.drain(&SEEN).unwrap(), [weather("Delft"), weather("Leiden")]);
    let raw = broker.records(&BYTES).unwrap();
    assert_eq!(raw[0].value[..5], [0, 0, 0, 0, 1]);
    assert_eq!(registry.subjects(), ["weather-value"]);
    let ids = registry.asked().iter().filter(|(line, _)| line.contains("/ids/")).count();
    assert_eq!(ids, 1, "what is known is kept");
}

/// The writer's fields come in another order, one is an int, one is unknown to us, and one of ours it does not have.
const OLDER: &str = r#"{"type": "record", "name": "Weather", "fields": [{"name": "celsius", "type": "int"},
    {"name": "humid", "type": "boolean"}, {"name": "place", "type": "string"}]}"#;

#[tokio::test]
async fn what_was_written_by_another_schema_is_resolved_to_ours() {
    let (broker, registry) = (Broker::new(), Registry::start());
    let id = registry.add(OLDER);
    broker
        .write("weather", KEY, Some(&framed(id, &[14, 1, 10, b'D', b'e', b'l', b'f', b't'])))
        .await
        .unwrap();
    let running = ended(app(&broker, &registry).handler(see)).await;
    assert_eq!(running.drain(&SEEN).unwrap(), [Weather { celsius: 7.0, ..weather("Delft") }]);
}

/// Down, slow, and with answers that are none: the topic waits, and no message is at fault.
#[tokio::test]
async fn while_the_registry_is_not_well_messages_wait() {
    let (broker, registry) = (Broker::new(), Registry::start());
    ended(app(&broker, &registry).handler(measure)).await;
    registry.fail(200, "<html>", 1);
    registry.fail(404, "no such page", 1);
    registry.fail(503, "{}", 1);
    registry.slow(millis(100));
    let running = ended(app(&broker, &registry).handler(see)).await;
    assert_eq!(running.drain(&SEEN).unwrap().len(), 2);
    assert_eq!(running.report().handler("see").dead, 0);
}

#[tokio::test]
async fn an_app_stops_while_a_topic_waits_for_the_registry() {
    let (broker, registry) = (Broker::new(), Registry::start());
    ended(app(&broker, &registry).handler(measure)).await;
    registry.fail(503, "", 1000);
    let running = app(&broker, &registry).handler(see).start().await.unwrap();
    let asked = || registry.asked().iter().filter(|(line, _)| line.contains("/ids/")).count();
    within(LONG, async {
        while asked() < 2 {
            tokio::time::sleep(millis(5)).await;
        }
    })
    .await;
    within(LONG, running.stop()).await.unwrap();
    running.assert_conserved();
    drop(running);
    let well = Registry::start();
    ended(app(&Broker::new(), &well).handler(measure)).await;
    assert_eq!(ended(app(&broker, &well).handler(see)).await.drain(&SEEN).unwrap().len(), 2);
}

#[tokio::test]
async fn an_id_that_there_is_not_is_an_error_of_the_message() {
    let (broker, registry) = (Broker::new(), Registry::start());
    let number = registry.add(r#""long""#);
    let values = [framed(77, &[0]), framed(number, &[2]), vec![1, 0, 0, 0, 1], vec![0, 0]];
    for value in &values {
        broker.write("weather", KEY, Some(value)).await.unwrap();
    }
    ended(app(&broker, &registry).handler(see)).await;
    let dead = broker.records(&DEAD).unwrap();
    assert_eq!(dead.iter().map(|letter| letter.value.clone()).collect::<Vec<_>>(), values);
    let error =
        |at: usize| String::from_utf8_lossy(dead[at].headers().get("slipstream-error").unwrap()).into_owned();
    assert!(error(0).ends_with("the registry says 404 Not Found: Schema not found"), "{}", error(0));
    assert!(
        error(1).contains("what was written by another schema cannot be read by this one"),
        "{}",
        error(1)
    );
    assert!(error(2).ends_with("it does not begin with the id of a schema"), "{}", error(2));
}

#[tokio::test]
async fn a_registry_that_is_down_at_the_start_is_a_reason_not_to_start() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let config =
        |url: String| Config::new().set("avro.registry.url", url).set("avro.registry.auth", "me:canary");
    let app = |url| Broker::new().app().config(config(url)).handler(see);
    // One that comes up meanwhile is waited for.
    let up = std::thread::spawn(move || {
        std::thread::sleep(millis(300));
        Registry::on(std::net::TcpListener::bind(address).unwrap())
    });
    let running = within(LONG, app(format!("http://{address}")).start()).await.unwrap();
    running.stop().await.unwrap();
    let registry = up.join().unwrap();
    assert_eq!(registry.asked()[0].1.as_deref(), Some("Basic bWU6Y2FuYXJ5"));
    let error = app("http://me:canary@127.0.0.1:1".to_owned()).start().await.err().unwrap();
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("the schema registry does not help"), "{error}");
    assert!(!format!("{error} {error:?} {:?}", config(String::new())).contains("canary"), "{error:?}");
}

#[tokio::test]
async fn without_leave_to_register_a_schema_must_be_there() {
    let (broker, registry) = (Broker::new(), Registry::start());
    let config = |registry: &Registry| {
        let config =
            Config::new().set("avro.registry.url", registry.url()).set("avro.registry.register", "false");
        config.set("avro.registry.subject", "topic-record")
    };
    let error =
        broker.app().config(config(&registry)).handler(measure).start().await.err().unwrap().to_string();
    assert!(error.contains("no id for the subject `weather-Weather`: ") && error.contains("404"), "{error}");
    let lines: Vec<_> = registry.asked().into_iter().map(|(line, _)| line).collect();
    assert_eq!(lines, ["GET /schemas/types", "POST /subjects/weather-Weather"]);
    registry.add(&serde_json::to_string(&Weather::get_schema()).unwrap());
    ended(broker.app().config(config(&registry)).handler(measure)).await;
}
