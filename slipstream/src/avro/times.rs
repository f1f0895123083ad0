//! Times of chrono, and ids, as Avro's logical types: one module a type, for `with`.
//!
//! ```
//! use slipstream::prelude::*;
//!
//! #[derive(Serialize, Deserialize)]
//! struct Reading {
//!     #[serde(with = "slipstream::avro::times::timestamp_micros")]
//!     at: DateTime<Utc>,
//! }
//! ```
//!
//! With `#[derive(AvroSchema)]` the field also has `#[avro(with)]`, so that the schema says the type.

/// A module for `#[serde(with)]` and `#[avro(with)]`.
macro_rules! logical {
    ($(#[$about:meta])* $name:ident, $type:ty as $raw:ty, $schema:expr, $write:expr, $read:expr) => {
        $(#[$about])*
        pub mod $name {
            use crate::avro::apache_avro::Schema;
            use crate::avro::apache_avro::schema::{Name, NamespaceRef, RecordField};
            use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
            use std::collections::HashSet;

            /// The logical type's schema.
            pub fn get_schema_in_ctxt(_: &mut HashSet<Name>, _: NamespaceRef<'_>) -> Schema {
                $schema
            }

            /// It has no fields.
            pub fn get_record_fields_in_ctxt(
                _: &mut HashSet<Name>,
                _: NamespaceRef<'_>,
            ) -> Option<Vec<RecordField>> {
                None
            }

            /// Writes it.
            ///
            /// # Errors
            /// If it does not fit.
            pub fn serialize<S: Serializer>(value: &$type, serializer: S) -> Result<S::Ok, S::Error> {
                let write: fn(&$type) -> Option<$raw> = $write;
                let raw = write(value).ok_or_else(|| ser::Error::custom("it is out of range"))?;
                raw.serialize(serializer)
            }

            /// Reads it.
            ///
            /// # Errors
            /// If there is no such value.
            pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
                let read: fn($raw) -> Option<$type> = $read;
                read(<$raw>::deserialize(deserializer)?).ok_or_else(|| de::Error::custom("it is out of range"))
            }
        }
    };
}

logical!(
    /// Days: a `NaiveDate` as `date`.
    date,
    chrono::NaiveDate as i32,
    Schema::Date,
    |date| i32::try_from(date.signed_duration_since(chrono::DateTime::UNIX_EPOCH.date_naive()).num_days()).ok(),
    |days| {
        let days = chrono::TimeDelta::try_days(days.into())?;
        chrono::DateTime::UNIX_EPOCH.date_naive().checked_add_signed(days)
    }
);

logical!(
    /// A `NaiveTime` as `time-millis`.
    time_millis,
    chrono::NaiveTime as i32,
    Schema::TimeMillis,
    |time| i32::try_from(time.signed_duration_since(chrono::NaiveTime::MIN).num_milliseconds()).ok(),
    |millis| {
        let millis = u32::try_from(millis).ok()?;
        chrono::NaiveTime::from_num_seconds_from_midnight_opt(millis / 1000, millis % 1000 * 1_000_000)
    }
);

logical!(
    /// A `NaiveTime` as `time-micros`.
    time_micros,
    chrono::NaiveTime as i64,
    Schema::TimeMicros,
    |time| time.signed_duration_since(chrono::NaiveTime::MIN).num_microseconds(),
    |micros| {
        let (seconds, rest) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
        let (seconds, rest) = (u32::try_from(seconds).ok()?, u32::try_from(rest).ok()?);
        chrono::NaiveTime::from_num_seconds_from_midnight_opt(seconds, rest * 1000)
    }
);

logical!(
    /// A `DateTime<Utc>` as `timestamp-millis`.
    timestamp_millis,
    chrono::DateTime<chrono::Utc> as i64,
    Schema::TimestampMillis,
    |time| Some(time.timestamp_millis()),
    chrono::DateTime::from_timestamp_millis
);

logical!(
    /// A `DateTime<Utc>` as `timestamp-micros`.
    timestamp_micros,
    chrono::DateTime<chrono::Utc> as i64,
    Schema::TimestampMicros,
    |time| Some(time.timestamp_micros()),
    chrono::DateTime::from_timestamp_micros
);

logical!(
    /// A `Uuid` as text, which is how others write it; without this module it is sixteen bytes.
    uuid_text,
    crate::avro::apache_avro::Uuid as String,
    Schema::Uuid(crate::avro::apache_avro::schema::UuidSchema::String),
    |uuid| Some(uuid.to_string()),
    |text| crate::avro::apache_avro::Uuid::parse_str(&text).ok()
);
