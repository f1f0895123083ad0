//! Values of every type and logical type come back as they were; a schema that does not fit is said to be one.

use super::{Avro, HasSchema, SchemaSource, times};
use crate::codec::Codec;
use avro_rs::{AvroSchema, Decimal, Uuid};
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

#[derive(Serialize, Deserialize, AvroSchema, PartialEq, Debug, Clone)]
enum Sky {
    Clear,
    Cloudy,
}

#[derive(Serialize, Deserialize, AvroSchema, PartialEq, Debug, Clone)]
struct Weather {
    place: String,
    celsius: f64,
    sky: Option<Sky>,
    gusts: Vec<f32>,
    by_hour: HashMap<String, i32>,
    #[avro(with)]
    #[serde(with = "times::date")]
    day: NaiveDate,
    #[avro(with)]
    #[serde(with = "times::time_millis")]
    dawn: NaiveTime,
    #[avro(with)]
    #[serde(with = "times::time_micros")]
    dusk: NaiveTime,
    #[avro(with)]
    #[serde(with = "times::timestamp_millis")]
    at: DateTime<Utc>,
    #[avro(with)]
    #[serde(with = "times::timestamp_micros")]
    exactly: DateTime<Utc>,
    #[avro(with)]
    #[serde(with = "times::uuid_text")]
    id: Uuid,
    station: Uuid,
}

fn weather() -> Weather {
    Weather {
        place: "Delft".to_owned(),
        celsius: -1.5,
        sky: Some(Sky::Cloudy),
        gusts: vec![1.0, 2.5],
        by_hour: [("10".to_owned(), -3)].into(),
        day: NaiveDate::from_ymd_opt(1969, 12, 30).unwrap(),
        dawn: NaiveTime::from_hms_milli_opt(7, 8, 9, 10).unwrap(),
        dusk: NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999).unwrap(),
        at: DateTime::from_timestamp_millis(-1).unwrap(),
        exactly: DateTime::from_timestamp_micros(1_700_000_000_123_456).unwrap(),
        id: Uuid::from_u128(7),
        station: Uuid::from_u128(u128::MAX),
    }
}

#[test]
fn a_type_with_a_derived_schema_comes_back() {
    let bytes = <Avro>::encode(&weather()).unwrap();
    assert_eq!(<Avro as Codec<Weather>>::decode(&bytes).unwrap(), weather());
    for length in 0..bytes.len() {
        let error = <Avro as Codec<Weather>>::decode(&bytes[..length]).unwrap_err();
        assert!(error.to_string().starts_with("at byte "), "{error}");
    }
}

#[test]
fn none_is_a_record_without_a_value_and_some_is_the_plain_datum() {
    type Of = Option<Weather>;
    assert_eq!(<Avro as Codec<Of>>::write(&None).unwrap(), None);
    assert_eq!(<Avro as Codec<Of>>::read(None).unwrap(), None);
    let some = <Avro>::write(&Some(weather())).unwrap().unwrap();
    assert_eq!(some, <Avro>::encode(&weather()).unwrap());
    assert_eq!(<Avro as Codec<Of>>::read(Some(&some)).unwrap(), Some(weather()));
    let error = <Avro as Codec<Weather>>::read(None).unwrap_err();
    assert!(error.to_string().contains("`Topic<_, Option<_>, _>`"), "{error}");
}

struct Prices;

impl HasSchema for Prices {
    const SCHEMA: SchemaSource = SchemaSource::Text(
        r#"{"type": "map", "values": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}}"#,
    );
}

#[test]
fn decimals_come_back() {
    let prices = HashMap::from([("tea".to_owned(), Decimal::from(vec![0xff, 0x85]))]);
    let bytes = <Avro<Prices> as Codec<_>>::encode(&prices).unwrap();
    let read: HashMap<String, Decimal> = Avro::<Prices>::decode(&bytes).unwrap();
    assert_eq!(read, prices);
    assert_eq!(<Avro<Prices> as Codec<Option<HashMap<String, Decimal>>>>::write(&None).unwrap(), None);
}

macro_rules! schema {
    ($name:ident, $source:expr) => {
        struct $name;

        impl HasSchema for $name {
            const SCHEMA: SchemaSource = $source;
        }
    };
}

schema!(Lost, SchemaSource::File("no/such.avsc"));
schema!(Broken, SchemaSource::Text(r#"{"type": "recrod"}"#));
schema!(Called, SchemaSource::Text(r#"{"type": "record", "name": "weather", "fields": []}"#));
schema!(Number, SchemaSource::Text(r#""long""#));

fn wrong<S: HasSchema>() -> String {
    <Avro<S> as Codec<Weather>>::encode(&weather()).unwrap_err().to_string()
}

#[test]
fn a_schema_that_does_not_fit_is_said_to_be_one() {
    assert!(
        wrong::<Lost>().starts_with("the schema file `no/such.avsc` cannot be read: "),
        "{}",
        wrong::<Lost>()
    );
    assert!(wrong::<Broken>().contains("Broken` is none: "), "{}", wrong::<Broken>());
    assert!(wrong::<Called>().contains("add `#[serde(rename = \"weather\")]`"), "{}", wrong::<Called>());
    assert!(
        wrong::<Number>().contains("the schema has a long where the type has a"),
        "{}",
        wrong::<Number>()
    );
}
