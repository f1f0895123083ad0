//! `slipstream.toml`: tables are parts of names, so that `[kafka]` with `linger.ms = 5` is `kafka.linger.ms`.

use super::layer::Layer;
use super::text;
use std::io::ErrorKind;
use std::path::Path;
use toml::de::{DeTable, DeValue};

/// The file that is read if nobody names another.
pub(super) const NAME: &str = "slipstream.toml";

/// The settings of a file; what is wrong with it as a whole is an error. It may be missing, unless it was asked for.
pub(super) fn read(path: &Path, is_asked_for: bool) -> Result<Layer, String> {
    let mut layer = Layer::default();
    let shown = path.display();
    let text = match text::of(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound && !is_asked_for => return Ok(layer),
        Err(error) => return Err(format!("the file of settings {shown} cannot be read: {error}")),
    };
    let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
    let line = |at: usize| 1 + ends.partition_point(|end| *end < at);
    let table = DeTable::parse(&text).map_err(|error| {
        // Not the whole error: that shows the line, which may have a secret in it.
        let at = error.span().map_or(0, |span| span.start);
        format!("{shown}:{} is no TOML: {}", line(at), error.message())
    })?;
    let place = |at: usize| format!("in {shown}:{}", line(at));
    put(table.get_ref(), "", &mut layer, &place);
    Ok(layer)
}

fn put(table: &DeTable<'_>, above: &str, layer: &mut Layer, place: &dyn Fn(usize) -> String) {
    for (key, value) in table {
        let (name, place_of_key) = (format!("{above}{}", key.get_ref()), place(key.span().start));
        match value.get_ref() {
            DeValue::Table(table) => put(table, &format!("{name}."), layer, place),
            DeValue::String(text) => layer.put_once(&name, text, place_of_key),
            DeValue::Boolean(on) => layer.put_once(&name, if *on { "true" } else { "false" }, place_of_key),
            DeValue::Float(float) => layer.put_once(&name, float.as_str(), place_of_key),
            DeValue::Integer(number) => match i128::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => layer.put_once(&name, &number.to_string(), place_of_key),
                Err(_) => layer.put_broken(&name, "is a number that is too large", place_of_key),
            },
            DeValue::Array(_) | DeValue::Datetime(_) => {
                layer.put_broken(&name, "is a text, a number, `true` or `false`", place_of_key);
            }
        }
    }
}
