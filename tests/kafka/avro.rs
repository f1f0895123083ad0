//! Avro on a broker: what is no datum goes to the dead letters as it came, and `None` is a tombstone.

use super::app;
use apache_avro::AvroSchema;
use slipstream::prelude::*;
use slipstream::testing::Output;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, AvroSchema)]
struct Weather {
    celsius: f64,
}

static WEATHER: Topic<String, Option<Weather>, Avro> =
    Topic::new("weather").start(Start::Earliest).until_end();
/// The same topic for a producer that knows no better.
static BROKEN: Topic<String, Vec<u8>, Raw> = Topic::new("weather");
static DEAD: Topic<String, Vec<u8>, Raw> = Topic::new("dead").start(Start::Earliest).until_end();

#[handle(source = [75_u32, 0], sink = [WEATHER])]
fn measure(tenths: u32) -> (String, Option<Weather>) {
    ("Delft".to_owned(), (tenths > 0).then_some(Weather { celsius: f64::from(tenths) / 10.0 }))
}

static SEEN: Output<Option<f64>> = Output::new("seen");

#[handle(source = WEATHER, sink = [SEEN], on_error = dead_letter(&DEAD))]
fn see(weather: &Option<Weather>) -> One<Option<f64>> {
    One(weather.as_ref().map(|weather| weather.celsius))
}

static BURIED: Output<Vec<u8>> = Output::new("buried");

#[handle(source = DEAD, sink = [BURIED])]
fn exhume(letter: Record<String, Vec<u8>>) -> One<Vec<u8>> {
    One(letter.value)
}

const NO_DATUM: &[u8] = b"{\"celsius\": 7.5}";

#[tokio::test(flavor = "multi_thread")]
async fn values_poison_and_tombstones_go_through_the_broker() {
    let Some((writer, config)) = app("avro") else { return };
    let broken = async || BROKEN.send(("Delft".to_owned(), NO_DATUM.to_vec())).await.map(drop);
    writer.handler(measure).on_start(broken).run().await.unwrap();
    let running = App::new().config(config).handler(see).handler(exhume).start().await.unwrap();
    running.wait().await.unwrap();
    running.assert_conserved();
    assert_eq!(running.drain(&SEEN).unwrap(), [Some(7.5), None]);
    assert_eq!(running.drain(&BURIED).unwrap(), [NO_DATUM.to_vec()]);
}
