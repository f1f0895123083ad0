//! A schema that refers to others of the registry, made one that needs no others.
//!
//! What a registry says may be wrong on purpose: all that is followed has a bound.

use super::client::{ANSWER, Refused, encoded};
use avro_rs::Schema;
use avro_rs::schema::{Name, NamesRef, ResolvedSchema, UnionSchema};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// How many others a schema may refer to, also by others.
const MANY: usize = 100;

/// Through how many others it may refer to one.
const FAR: usize = 16;

/// How deep types may lie in each other: as deep as JSON's parser lets them.
const DEPTH: usize = 128;

/// How long the others may be asked for; an app that ends waits for it.
const PATIENCE: Duration = Duration::from_secs(10);

fn no(text: impl Into<String>) -> Refused {
    Refused::ForGood(text.into())
}

/// The schema of an answer, with all that it refers to, which `ask` gets by its path.
pub(super) fn whole(answer: &Value, ask: impl Fn(&str) -> Result<Value, Refused>) -> Result<Schema, Refused> {
    let mut gathered = Gathered {
        ask,
        until: Instant::now() + PATIENCE,
        path: Vec::new(),
        names: HashSet::new(),
        length: 0,
        schemas: Vec::new(),
    };
    gathered.add(answer)?;
    let none = |error: avro_rs::Error| no(format!("is none: {error}"));
    if let [schema] = &gathered.schemas[..] {
        return Schema::parse(schema).map_err(none);
    }
    // In one record each knows the names of those before it, and no name of the record's is looked at.
    let field = |(n, schema): (usize, Value)| json!({ "name": format!("f{n}"), "type": schema });
    let fields: Vec<Value> = gathered.schemas.into_iter().enumerate().map(field).collect();
    let all = json!({ "type": "record", "name": "SlipstreamAllTogether", "fields": fields });
    let all = Schema::parse(&all).map_err(none)?;
    let names = ResolvedSchema::new(&all).map_err(none)?;
    let Schema::Record(fields) = &all else { return Err(no("is none")) };
    let Some(last) = fields.fields.last() else { return Err(no("is none")) };
    let mut schema = last.schema.clone();
    Whole { names: names.get_names(), had: HashSet::new() }.fill(&mut schema, 0)?;
    Ok(schema)
}

struct Gathered<Ask> {
    ask: Ask,
    until: Instant,
    /// What is being followed, by its names.
    path: Vec<String>,
    names: HashSet<String>,
    length: u64,
    /// Each behind those that it refers to.
    schemas: Vec<Value>,
}

impl<Ask: Fn(&str) -> Result<Value, Refused>> Gathered<Ask> {
    fn add(&mut self, answer: &Value) -> Result<(), Refused> {
        if answer.get("schemaType").is_some_and(|kind| kind != "AVRO") {
            return Err(no("is not Avro"));
        }
        let Some(text) = answer.get("schema").and_then(Value::as_str) else {
            return Err(Refused::ForNow("its answer has no `schema`".into()));
        };
        self.length += text.len() as u64;
        if self.length > ANSWER {
            return Err(no("is too long with all that it refers to"));
        }
        for reference in answer.get("references").and_then(Value::as_array).into_iter().flatten() {
            self.follow(reference)?;
        }
        self.schemas.push(serde_json::from_str(text).map_err(|error| no(format!("is none: {error}")))?);
        Ok(())
    }

    /// Of two with one name the first counts, as for Confluent's clients.
    fn follow(&mut self, reference: &Value) -> Result<(), Refused> {
        let text = |part: &str| reference.get(part).and_then(Value::as_str);
        let version = reference.get("version").and_then(Value::as_i64);
        let (Some(name), Some(subject), Some(version)) = (text("name"), text("subject"), version) else {
            return Err(no("has a reference without name, subject or version"));
        };
        if self.path.iter().any(|before| before == name) {
            return Err(no(format!("refers to `{name}`, which refers to itself by others")));
        }
        if !self.names.insert(name.to_owned()) {
            return Ok(());
        }
        if self.names.len() > MANY || self.path.len() == FAR {
            return Err(no(format!("refers to more than {MANY} others, or to one through more than {FAR}")));
        }
        if Instant::now() > self.until {
            return Err(Refused::ForNow("what it refers to takes too long".into()));
        }
        // One that was deleted since is still what was meant.
        let path = format!("/subjects/{}/versions/{version}?deleted=true", encoded(subject));
        let answer = (self.ask)(&path).map_err(|refused| match refused {
            Refused::ForGood(why) => no(format!("refers to version {version} of `{subject}`: {why}")),
            refused => refused,
        })?;
        self.path.push(name.to_owned());
        self.add(&answer)?;
        self.path.pop();
        Ok(())
    }
}

struct Whole<'a> {
    names: &'a NamesRef<'a>,
    had: HashSet<Name>,
}

impl Whole<'_> {
    /// Puts each type where it is named first.
    fn fill(&mut self, schema: &mut Schema, depth: usize) -> Result<(), Refused> {
        if depth > DEPTH {
            return Err(no("is nested too deeply with what it refers to"));
        }
        if let Some(name) = schema.name().cloned() {
            if !self.had.insert(name.clone()) {
                *schema = Schema::Ref { name };
                return Ok(());
            }
            if let Schema::Ref { .. } = schema {
                let found = self.names.get(&name).copied();
                *schema = found.ok_or_else(|| no(format!("names `{name}`, which it does not have")))?.clone();
            }
        }
        match schema {
            Schema::Array(of) => self.fill(&mut of.items, depth + 1),
            Schema::Map(of) => self.fill(&mut of.types, depth + 1),
            Schema::Record(of) => {
                of.fields.iter_mut().try_for_each(|field| self.fill(&mut field.schema, depth + 1))
            }
            Schema::Union(of) => {
                let mut variants = of.variants().to_vec();
                // So that there are never more than two of it, however deep.
                *schema = Schema::Null;
                variants.iter_mut().try_for_each(|variant| self.fill(variant, depth + 1))?;
                let union = UnionSchema::new(variants).map_err(|error| no(format!("is none: {error}")))?;
                *schema = Schema::Union(union);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
