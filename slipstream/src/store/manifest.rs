//! The manifest: what a state directory is, and up to which commit its engine has all.

use super::disk::Disk;
use super::errors::{damaged, failed, newer};
use crate::error::Result;
use std::path::Path;
use xxhash_rust::xxh3::xxh3_64;

pub(super) const NAME: &str = "MANIFEST";
const VERSION: u32 = 1;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) engine: String,
    /// All commits up to this one are in the engine, and synced.
    pub(super) drained: u64,
    /// The first commit that the log must have.
    pub(super) needs: u64,
}

impl Manifest {
    pub(super) fn new(engine: &str, drained: u64) -> Self {
        Manifest { engine: engine.to_owned(), drained, needs: drained + 1 }
    }

    /// `None` if there is none.
    pub(super) fn read(dir: &Path) -> Result<Option<Self>> {
        let path = dir.join(NAME);
        let text = match std::fs::read(&path) {
            Ok(bytes) => String::from_utf8(bytes).map_err(|_| damaged(&path, "it is no text"))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("read", &path, error)),
        };
        let (version, manifest) = decode(&text).ok_or_else(|| damaged(&path, "its checksum is wrong"))?;
        if version != VERSION { Err(newer(&path, version)) } else { Ok(Some(manifest)) }
    }

    pub(super) fn write(&self, dir: &Path, disk: &Disk) -> Result<()> {
        let path = dir.join(NAME);
        disk.replace(&path, self.encode().as_bytes()).map_err(|error| failed("written", &path, error))
    }

    fn encode(&self) -> String {
        let Manifest { engine, drained, needs } = self;
        let text = format!("format {VERSION}\nengine {engine}\ndrained {drained}\nneeds {needs}\n");
        format!("{text}sum {:016x}\n", xxh3_64(text.as_bytes()))
    }
}

/// The format comes first and the checksum last in all formats to come, so that a newer one can be told.
fn decode(text: &str) -> Option<(u32, Manifest)> {
    let (body, sum) = text.strip_suffix('\n')?.rsplit_once("sum ")?;
    if format!("{:016x}", xxh3_64(body.as_bytes())) != sum {
        return None;
    }
    let field = |name: &str| body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let number = |name| field(name).and_then(|value| value.parse().ok()).unwrap_or(0);
    let engine = field("engine").unwrap_or_default().to_owned();
    let manifest = Manifest { engine, drained: number("drained"), needs: number("needs") };
    Some((field("format")?.parse().ok()?, manifest))
}
