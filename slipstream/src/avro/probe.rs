//! What a type asks of serde first: whether it is an `Option`, and what its struct is called.

use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor, value::Error};
use serde::forward_to_deserialize_any;
use std::cell::Cell;

/// What a type is to serde.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) is_option: bool,
    /// The name of a struct, also of one in an `Option`.
    pub(super) name: Option<&'static str>,
}

/// Asks a type.
pub(super) fn ask<T: DeserializeOwned>() -> Asked {
    let asked = Cell::new(Asked::default());
    // It is given nothing, so that nothing comes of it.
    let _ = T::deserialize(Probe(&asked));
    asked.get()
}

struct Probe<'a>(&'a Cell<Asked>);

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("there is nothing"))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.get().is_option {
            return self.deserialize_any(visitor);
        }
        self.0.set(Asked { is_option: true, name: None });
        visitor.visit_some(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.set(Asked { name: Some(name), ..self.0.get() });
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::{Asked, ask};

    #[derive(serde::Deserialize)]
    #[serde(rename = "weather")]
    struct Weather {}

    #[test]
    fn a_type_says_whether_it_is_an_option_and_what_it_is_called() {
        assert_eq!(ask::<u32>(), Asked::default());
        assert_eq!(ask::<Weather>(), Asked { is_option: false, name: Some("weather") });
        assert_eq!(ask::<Option<Weather>>(), Asked { is_option: true, name: Some("weather") });
        assert_eq!(ask::<serde_json::Value>(), Asked::default());
    }
}
