//! The lines of an exported cache: a checksum, and what it is of.

use crate::error::{Error, ErrorKind, Result};
use std::fmt::Write as _;
use std::io::BufRead;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What the first line begins with; the number is that of the format.
pub(super) const FORMAT: &str = "slipstream-cache 1";

/// A line with its checksum. That covers its number as well, so that a line that is missing or moved is found.
pub(super) fn line(number: u64, content: &str) -> String {
    format!("{:016x} {content}\n", sum(number, content))
}

fn sum(number: u64, content: &str) -> u64 {
    xxh3_64_with_seed(content.as_bytes(), number)
}

/// What a line says.
pub(super) enum Line {
    /// The bytes of a key, and those of its value.
    Entry(Vec<u8>, Vec<u8>),
    /// How many entries there are.
    End(u64),
}

/// Reads lines, and checks each.
pub(super) struct Lines<R> {
    reader: R,
    number: u64,
    line: String,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Lines { reader, number: 0, line: String::new() }
    }

    /// The content of the next line; `None` at the end of the file.
    fn content(&mut self) -> Result<Option<&str>> {
        self.number += 1;
        self.line.clear();
        let number = self.number;
        let read = self.reader.read_line(&mut self.line);
        if read.map_err(|error| unreadable(number, error))? == 0 {
            return Ok(None);
        }
        let parts = self.line.strip_suffix('\n').and_then(|line| line.split_once(' '));
        let is_whole = |(given, content): &(&str, &str)| *given == format!("{:016x}", sum(number, content));
        match parts.filter(is_whole) {
            Some((_, content)) => Ok(Some(content)),
            None => Err(damaged(number)),
        }
    }

    pub(super) fn header(&mut self) -> Result<()> {
        let header = self.content()?;
        if header.and_then(|header| header.strip_prefix(FORMAT)).is_some_and(|rest| rest.starts_with(' ')) {
            return Ok(());
        }
        let text = format!("line 1 is not the first line of an exported cache, `{FORMAT}` and its name");
        Err(Error::new(ErrorKind::Codec, text))
    }

    pub(super) fn next(&mut self) -> Result<Line> {
        let content = self.content()?;
        let Some(content) = content else {
            let text = format!("the export is cut off before line {}: its last line is missing", self.number);
            return Err(Error::new(ErrorKind::Codec, text));
        };
        let parsed = match content.split(' ').collect::<Vec<_>>()[..] {
            ["entry", key, value] => unhex(key).zip(unhex(value)).map(|(key, value)| Line::Entry(key, value)),
            ["end", count] => count.parse().ok().map(Line::End),
            _ => None,
        };
        parsed.ok_or_else(|| damaged(self.number))
    }

    /// Checks the end: nothing is missing, and nothing follows.
    pub(super) fn ends(&mut self, count: u64, counted: u64) -> Result<()> {
        if count != counted {
            let text =
                format!("line {}: the export has {count} entries and should have {counted}", self.number);
            return Err(Error::new(ErrorKind::Codec, text));
        }
        match self.content() {
            Ok(None) => Ok(()),
            _ => {
                let text = format!("line {} comes after the end of the export", self.number);
                Err(Error::new(ErrorKind::Codec, text))
            }
        }
    }

    /// The entry does not fit the cache.
    pub(super) fn refused(&self, error: &Error) -> Error {
        Error::new(ErrorKind::Codec, format!("line {} of the export: {error}", self.number))
    }
}

fn damaged(number: u64) -> Error {
    let text = format!(
        "line {number} of the export is damaged, or not where it was: nothing from it on is imported"
    );
    Error::new(ErrorKind::Codec, text)
}

fn unreadable(number: u64, error: std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::InvalidData => damaged(number), // it is no text
        _ => Error::caused(
            ErrorKind::User,
            format!("line {number} of the export cannot be read: {error}"),
            error,
        ),
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut out, byte| {
        let _ = write!(out, "{byte:02x}"); // a string takes all
        out
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}
