//! A schema as a table: what stands where in a datum, without names to look up.

use crate::error::{Error, ErrorKind, Result};
use avro_rs::Schema;
use avro_rs::schema::{InnerDecimalSchema, Name, NamespaceRef, ResolvedSchema, UuidSchema};
use std::collections::HashMap;

/// What a datum of a schema is made of; the first node is the whole.
pub(super) struct Shape(pub(super) Vec<Node>);

/// One type of a schema. What it is made of is told by number.
pub(super) enum Node {
    Boolean,
    Int,
    Long,
    /// This many bytes.
    Fixed(usize),
    Bytes,
    Text,
    /// Bytes in which a number lies that has a length of its own.
    BigDecimal,
    Enum(usize),
    Array(usize),
    Map(usize),
    Union(Vec<usize>),
    Record(Vec<(String, usize)>),
}

impl Shape {
    /// The shape of a schema that names nothing from outside of it.
    pub(super) fn of(schema: &Schema) -> Result<Self> {
        let names = ResolvedSchema::new(schema)
            .map_err(|error| Error::new(ErrorKind::Codec, format!("the schema is not whole: {error}")))?;
        let mut making = Making { names: &names, nodes: Vec::new(), made: HashMap::new() };
        making.node(schema, None)?;
        Ok(Shape(making.nodes))
    }
}

struct Making<'a> {
    names: &'a ResolvedSchema<'a>,
    nodes: Vec<Node>,
    made: HashMap<Name, usize>,
}

/// Null, as everything that has no bytes.
const NOTHING: Node = Node::Fixed(0);

impl Making<'_> {
    fn node(&mut self, schema: &Schema, space: NamespaceRef<'_>) -> Result<usize> {
        let name = schema.name().map(|name| name.fully_qualified_name(space).into_owned());
        if let Some(made) = name.as_ref().and_then(|name| self.made.get(name)) {
            return Ok(*made);
        }
        if let (Schema::Ref { .. }, Some(name)) = (schema, &name) {
            let Some(found) = self.names.get_names().get(name).copied() else {
                let text = format!("the schema names `{name}`, which it does not have");
                return Err(Error::new(ErrorKind::Codec, text));
            };
            return self.node(found, name.namespace());
        }
        // Its number comes first: it may be made of itself.
        let at = self.nodes.len();
        self.nodes.push(NOTHING);
        let space = name.as_ref().map_or(space, |name| name.namespace());
        if let Some(name) = &name {
            self.made.insert(name.clone(), at);
        }
        self.nodes[at] = self.parts(schema, space)?;
        Ok(at)
    }

    fn parts(&mut self, schema: &Schema, space: NamespaceRef<'_>) -> Result<Node> {
        Ok(match schema {
            Schema::Null | Schema::Ref { .. } => NOTHING,
            Schema::Boolean => Node::Boolean,
            Schema::Int | Schema::Date | Schema::TimeMillis => Node::Int,
            Schema::Long
            | Schema::TimeMicros
            | Schema::TimestampMillis
            | Schema::TimestampMicros
            | Schema::TimestampNanos
            | Schema::LocalTimestampMillis
            | Schema::LocalTimestampMicros
            | Schema::LocalTimestampNanos => Node::Long,
            Schema::Float => Node::Fixed(size_of::<f32>()),
            Schema::Double => Node::Fixed(size_of::<f64>()),
            Schema::Bytes | Schema::Uuid(UuidSchema::Bytes) => Node::Bytes,
            Schema::String | Schema::Uuid(UuidSchema::String) => Node::Text,
            Schema::BigDecimal => Node::BigDecimal,
            Schema::Fixed(fixed) | Schema::Duration(fixed) | Schema::Uuid(UuidSchema::Fixed(fixed)) => {
                Node::Fixed(fixed.size)
            }
            Schema::Decimal(decimal) => match &decimal.inner {
                InnerDecimalSchema::Bytes => Node::Bytes,
                InnerDecimalSchema::Fixed(fixed) => Node::Fixed(fixed.size),
            },
            Schema::Enum(of) => Node::Enum(of.symbols.len()),
            Schema::Array(of) => Node::Array(self.node(&of.items, space)?),
            Schema::Map(of) => Node::Map(self.node(&of.types, space)?),
            Schema::Union(of) => {
                let variants = of.variants().iter().map(|variant| self.node(variant, space));
                Node::Union(variants.collect::<Result<_>>()?)
            }
            Schema::Record(of) => {
                let field = |field: &avro_rs::schema::RecordField| {
                    Ok((field.name.clone(), self.node(&field.schema, space)?))
                };
                Node::Record(of.fields.iter().map(field).collect::<Result<_>>()?)
            }
        })
    }
}
