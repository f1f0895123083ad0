//! Keys in Confluent's form: bytes for the topic, and the codec by hand.

use super::registry::Registry;
use super::*;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, AvroSchema)]
struct Station {
    country: String,
    number: i64,
}

/// As the registry has it, under `weather-key`: a key's id is of the program, since all keys of a topic must have the
/// same bytes to come to the same partition.
const ID: u32 = 1;

fn to_key(station: &Station) -> Result<Vec<u8>, BoxError> {
    Ok(framed(ID, &<Avro as Codec<Station>>::encode(station)?))
}

fn from_key(key: &[u8]) -> Result<Station, BoxError> {
    let datum = key.strip_prefix(&framed(ID, &[])[..]).ok_or("the key has another schema")?;
    <Avro as Codec<Station>>::decode(datum)
}

static KEYED: Topic<Vec<u8>, Weather, Avro> = Topic::new("weather").start(Start::Earliest).until_end();
static READ: Output<(Station, Weather)> = Output::new("read");

#[handle(source = ["Delft", "Leiden"], sink = [KEYED])]
fn send(place: &str) -> Result<(Vec<u8>, Weather), BoxError> {
    Ok((to_key(&Station { country: "NL".to_owned(), number: place.len() as i64 })?, weather(place)))
}

#[handle(source = KEYED, sink = [READ])]
fn receive(key: Key<Vec<u8>>, weather: Weather) -> Result<(Station, Weather), BoxError> {
    Ok((from_key(&key.0)?, weather))
}

#[tokio::test]
async fn a_key_of_a_registry_is_read_and_written_by_hand() {
    let (broker, registry) = (Broker::new(), Registry::start());
    assert_eq!(registry.add(&serde_json::to_string(&Station::get_schema()).unwrap()), ID);
    let running = ended(app(&broker, &registry).handler(send).handler(receive)).await;
    let read = running.drain(&READ).unwrap();
    let station = |number| Station { country: "NL".to_owned(), number };
    assert_eq!(read, [(station(5), weather("Delft")), (station(6), weather("Leiden"))]);
    static RAW: Topic<Vec<u8>, Vec<u8>, Raw> = Topic::new("weather");
    let raw = broker.records(&RAW).unwrap();
    assert_eq!(raw[0].key, [0, 0, 0, 0, 1, 4, b'N', b'L', 10]);
    assert!(from_key(&[0, 0, 0, 0, 2, 4]).is_err());
}
