//! Schemas that refer to others of the registry: read as if they held all of it, and bounded in what is followed.

use super::registry::Registry;
use super::*;

const PLACE: &str = r#"{"type": "record", "name": "Place", "namespace": "geo", "fields": [
    {"name": "name", "type": "string"}, {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["TOWN", "SEA"]}}]}"#;
const SKY: &str = r#"{"type": "record", "name": "Sky", "namespace": "air", "fields": [
    {"name": "over", "type": "geo.Place"}, {"name": "next", "type": ["null", "Sky"]}]}"#;
/// It names an enum that only a part of another one is.
const REPORT: &str = r#"{"type": "record", "name": "Report", "fields": [
    {"name": "kinds", "type": {"type": "array", "items": "geo.Kind"}}, {"name": "sky", "type": ["null", "air.Sky"]},
    {"name": "places", "type": {"type": "map", "values": "geo.Place"}}]}"#;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "geo")]
enum Kind {
    #[serde(rename = "TOWN")]
    Town,
    #[serde(rename = "SEA")]
    Sea,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "geo")]
struct Place {
    name: String,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, AvroSchema)]
#[avro(namespace = "air")]
struct Sky {
    over: Place,
    next: Option<Box<Sky>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, AvroSchema)]
struct Report {
    kinds: Vec<Kind>,
    sky: Option<Sky>,
    places: std::collections::HashMap<String, Place>,
}

static REPORTS: Topic<u32, Report, Avro> = Topic::new("weather").start(Start::Earliest).until_end();
static READ: Output<Report> = Output::new("read");

#[handle(source = REPORTS, sink = [READ], on_error = dead_letter(&DEAD))]
fn read(report: Report) -> One<Report> {
    One(report)
}

fn place(name: &str, kind: Kind) -> Place {
    Place { name: name.to_owned(), kind }
}

fn report() -> Report {
    let first = Sky { over: place("Delft", Kind::Town), next: None };
    Report {
        kinds: vec![Kind::Sea, Kind::Town],
        sky: Some(Sky { over: place("Leiden", Kind::Town), next: Some(Box::new(first)) }),
        places: [("north".to_owned(), place("North Sea", Kind::Sea))].into(),
    }
}

/// The requests for schemas.
fn asked(registry: &Registry) -> Vec<String> {
    let lines = registry.asked().into_iter().map(|(line, _)| line);
    lines.filter(|line| line != "GET /schemas/types").collect()
}

async fn dead(broker: &Broker, registry: &Registry) -> Vec<String> {
    let running = ended(app(broker, registry).handler(read)).await;
    assert_eq!(running.drain(&READ).unwrap(), []);
    let error = |letter: Record<u32, Vec<u8>>| {
        String::from_utf8_lossy(letter.headers().get("slipstream-error").unwrap()).into_owned()
    };
    broker.records(&DEAD).unwrap().into_iter().map(error).collect()
}

#[tokio::test]
async fn a_schema_that_refers_to_others_is_read_with_them() {
    let (broker, registry) = (Broker::new(), Registry::start());
    let place = registry.add(PLACE);
    let sky = registry.add_with(SKY, &[("geo.Place", place)]);
    let id = registry.add_with(REPORT, &[("air.Sky", sky), ("geo.Place", place)]);
    let datum = <Avro as Codec<Report>>::encode(&report()).unwrap();
    for _ in 0..2 {
        broker.write("weather", KEY, Some(&framed(id, &datum))).await.unwrap();
    }
    let running = ended(app(&broker, &registry).handler(read)).await;
    assert_eq!(running.drain(&READ).unwrap(), [report(), report()]);
    let expected = [
        "GET /schemas/ids/3",
        "GET /subjects/air.Sky/versions/2?deleted=true",
        "GET /subjects/geo.Place/versions/1?deleted=true",
    ];
    assert_eq!(asked(&registry), expected, "each is asked for once");
}

#[tokio::test]
async fn what_was_written_by_others_with_references_is_resolved_to_ours() {
    let (broker, registry) = (Broker::new(), Registry::start());
    let sky = registry.add(r#"{"type": "enum", "name": "Sky", "symbols": ["CLEAR"]}"#);
    let older = r#"{"type": "record", "name": "Weather", "fields": [{"name": "above", "type": "Sky"},
        {"name": "celsius", "type": "int"}, {"name": "place", "type": "string"}]}"#;
    let id = registry.add_with(older, &[("Sky", sky)]);
    broker.write("weather", KEY, Some(&framed(id, b"\0\x0e\x0aDelft"))).await.unwrap();
    let running = ended(app(&broker, &registry).handler(see)).await;
    assert_eq!(running.drain(&SEEN).unwrap(), [Weather { celsius: 7.0, ..weather("Delft") }]);
}

#[tokio::test]
async fn references_that_lead_back_to_themselves_are_an_error_of_the_message() {
    let (broker, registry) = (Broker::new(), Registry::start());
    let record = |name: &str, other: &str| {
        format!(r#"{{"type": "record", "name": "{name}", "fields": [{{"name": "f", "type": "{other}"}}]}}"#)
    };
    registry.add_with(&record("A", "B"), &[("B", 2)]);
    registry.add_with(&record("B", "A"), &[("A", 1)]);
    // And one that names what none of its references has, and one whose reference there is not.
    let lacking = registry.add_with(&record("C", "geo.Lost"), &[("geo.Place", 4)]);
    registry.add(PLACE);
    let lost = registry.add_with(&record("D", "E"), &[("E", 77)]);
    for id in [1, lacking, lost] {
        broker.write("weather", KEY, Some(&framed(id, &[0]))).await.unwrap();
    }
    let errors = dead(&broker, &registry).await;
    assert!(errors[0].ends_with("refers to `B`, which refers to itself by others"), "{errors:?}");
    assert!(
        errors[1].contains("schema 3 of the registry is none: ") && errors[1].contains("geo.Lost"),
        "{errors:?}"
    );
    assert!(
        errors[2].ends_with("refers to version 77 of `E`: the registry says 404 Not Found: Schema not found"),
        "{errors:?}"
    );
}

#[tokio::test]
async fn references_without_end_are_an_error_of_the_message() {
    let (broker, registry) = (Broker::new(), Registry::start());
    // Each refers to the one before it.
    let mut last = ("N0".to_owned(), registry.add(r#"{"type": "record", "name": "N0", "fields": []}"#));
    for n in 1..40 {
        let (name, before) = (format!("N{n}"), &last.0);
        let schema = format!(
            r#"{{"type": "record", "name": "{name}", "fields": [{{"name": "f", "type": "{before}"}}]}}"#
        );
        last = (name, registry.add_with(&schema, &[(&last.0, last.1)]));
    }
    // One refers to very many.
    let many: Vec<String> = (0..300).map(|n| format!("M{n}")).collect();
    let many: Vec<(&str, u32)> = many.iter().map(|name| (name.as_str(), 1)).collect();
    let wide = registry.add_with(r#""long""#, &many);
    // One refers to a file of types of which each holds the one before it: the whole would be a thousand deep.
    let flat: Vec<_> = (0..1000)
        .map(|n| {
            let before = if n == 0 { "long".to_owned() } else { format!("T{}", n - 1) };
            format!(
                r#"{{"type": "record", "name": "T{n}", "fields": [{{"name": "f", "type": "{before}"}}]}}"#
            )
        })
        .collect();
    let flat = registry.add(&format!("[{}]", flat.join(",")));
    let deep = registry.add_with(r#"{"type": "array", "items": "T999"}"#, &[("T", flat)]);
    for id in [last.1, wide, deep] {
        broker.write("weather", KEY, Some(&framed(id, &[0]))).await.unwrap();
    }
    let errors = dead(&broker, &registry).await;
    let bound = "refers to more than 100 others, or to one through more than 16";
    assert!(errors[0].ends_with(bound) && errors[1].ends_with(bound), "{errors:?}");
    assert!(errors[2].ends_with("is nested too deeply with what it refers to"), "{errors:?}");
    assert!(asked(&registry).len() < 16 + 100 + 10);
}
