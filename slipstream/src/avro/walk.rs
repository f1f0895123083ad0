//! Whether bytes are a datum of a schema, and one that is safe to decode: found out without allocating for it.
//!
//! The decoder believes what a datum says of itself: six bytes can ask for gigabytes, and a thousand for more stack than
//! there is, which ends the process. So it gets none that was not walked through first.

use super::shape::{Node, Shape};
use std::fmt;

/// The longest datum: more than a broker takes unless it is told to.
const BYTES: usize = 16 << 20;

/// How deep records, arrays and maps may lie in each other; a stack of 2 MiB bears some hundreds.
const DEPTH: usize = 64;

/// How many values one datum may have: what is made of them has about a hundred bytes each.
const VALUES: usize = 1 << 20;

/// How many values one datum may have that take no bytes, as nulls of an array: nothing else bounds these.
const EMPTY: usize = 1024;

/// Why bytes are no datum. It has names of the schema, and nothing of the bytes. On its way it is boxed, so that what
/// finds nothing returns one word.
#[derive(Debug, PartialEq)]
pub(super) struct Unfit {
    at: usize,
    /// The fields that it lies in, the innermost first.
    fields: Vec<String>,
    why: &'static str,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}", self.at)?;
        if !self.fields.is_empty() {
            let path: Vec<&str> = self.fields.iter().rev().map(String::as_str).collect();
            write!(f, ", in `{}`", path.join("."))?;
        }
        write!(f, ": {}", self.why)
    }
}

/// Walks through a datum, to its last byte.
pub(super) fn check(shape: &Shape, bytes: &[u8]) -> Result<(), Unfit> {
    let mut walk = Walk { shape, bytes, at: 0, values: 0, empty: 0 };
    if bytes.len() > BYTES {
        return Err(*walk.unfit("it has more than 16 MiB"));
    }
    walk.value(0, 0).map_err(|unfit| *unfit)?;
    if walk.at < bytes.len() { Err(*walk.unfit("bytes are left over")) } else { Ok(()) }
}

struct Walk<'a> {
    shape: &'a Shape,
    bytes: &'a [u8],
    at: usize,
    values: usize,
    empty: usize,
}

impl<'a> Walk<'a> {
    fn unfit(&self, why: &'static str) -> Box<Unfit> {
        Box::new(Unfit { at: self.at, fields: Vec::new(), why })
    }

    fn value(&mut self, node: usize, depth: usize) -> Result<(), Box<Unfit>> {
        let start = self.at;
        self.parts(node, depth)?;
        self.values += 1;
        if self.at == start {
            self.empty += 1;
        }
        if self.values > VALUES || self.empty > EMPTY {
            return Err(self.unfit("it has too many values"));
        }
        Ok(())
    }

    fn parts(&mut self, node: usize, depth: usize) -> Result<(), Box<Unfit>> {
        if depth > DEPTH {
            return Err(self.unfit("it is nested too deeply"));
        }
        let shape = self.shape;
        match &shape.0[node] {
            Node::Boolean => match self.take(1)?[0] {
                0 | 1 => Ok(()),
                _ => Err(self.unfit("it is no boolean")),
            },
            Node::Int => match i32::try_from(self.long()?) {
                Ok(_) => Ok(()),
                Err(_) => Err(self.unfit("it is too large for an int")),
            },
            Node::Long => self.long().map(drop),
            Node::Fixed(length) => self.take(*length).map(drop),
            Node::Bytes => self.run().map(drop),
            Node::Text => self.text(),
            Node::BigDecimal => {
                let inner = self.run()?;
                let mut walk = Walk { shape, bytes: inner, at: 0, values: 0, empty: 0 };
                let number = walk.run().and_then(|_| walk.long());
                number.map(drop).map_err(|_| self.unfit("it is no decimal"))
            }
            Node::Enum(symbols) => self.index(*symbols, "it is no symbol of the enum").map(drop),
            Node::Array(items) => self.blocks(|walk| walk.value(*items, depth + 1)),
            Node::Map(values) => self.blocks(|walk| {
                walk.text()?;
                walk.value(*values, depth + 1)
            }),
            Node::Union(variants) => {
                let variant = self.index(variants.len(), "it is no variant of the union")?;
                self.value(variants[variant], depth)
            }
            Node::Record(fields) => fields.iter().try_for_each(|(name, field)| {
                self.value(*field, depth + 1).map_err(|mut unfit| {
                    unfit.fields.push(name.clone());
                    unfit
                })
            }),
        }
    }

    /// The items of an array or of a map: blocks with their counts, the last one empty.
    fn blocks(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<(), Box<Unfit>>,
    ) -> Result<(), Box<Unfit>> {
        loop {
            let count = self.long()?;
            // A count below zero is followed by the length of the block.
            let end = match count {
                0 => return Ok(()),
                1.. => None,
                _ => Some(self.length()? + self.at),
            };
            for _ in 0..count.unsigned_abs() {
                item(self)?;
            }
            if end.is_some_and(|end| end != self.at) {
                return Err(self.unfit("a block has another length than it says"));
            }
        }
    }

    fn text(&mut self) -> Result<(), Box<Unfit>> {
        let text = self.run()?;
        if std::str::from_utf8(text).is_err() { Err(self.unfit("it is not UTF-8")) } else { Ok(()) }
    }

    /// Bytes behind their length.
    fn run(&mut self) -> Result<&'a [u8], Box<Unfit>> {
        let length = self.length()?;
        self.take(length)
    }

    /// A length of what follows, which must be there.
    fn length(&mut self) -> Result<usize, Box<Unfit>> {
        match usize::try_from(self.long()?) {
            Ok(length) if length <= self.bytes.len() - self.at => Ok(length),
            _ => Err(self.unfit("a length is larger than what is left")),
        }
    }

    fn index(&mut self, count: usize, why: &'static str) -> Result<usize, Box<Unfit>> {
        let index = usize::try_from(self.long()?).ok().filter(|index| *index < count);
        index.ok_or_else(|| self.unfit(why))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Box<Unfit>> {
        if length > self.bytes.len() - self.at {
            return Err(self.unfit("bytes are missing"));
        }
        let taken = &self.bytes[self.at..self.at + length];
        self.at += length;
        Ok(taken)
    }

    /// A number in zigzag, seven bits a byte.
    fn long(&mut self) -> Result<i64, Box<Unfit>> {
        // Most have one.
        if let Some(&byte) = self.bytes.get(self.at)
            && byte & 0x80 == 0
        {
            self.at += 1;
            return Ok(i64::from(byte >> 1) ^ -i64::from(byte & 1));
        }
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            if shift == 63 && byte > 1 {
                break;
            }
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok((number >> 1) as i64 ^ -((number & 1) as i64));
            }
        }
        Err(self.unfit("a number is longer than 64 bits"))
    }
}

#[cfg(test)]
mod tests;
