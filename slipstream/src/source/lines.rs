//! A file as a source: its lines, each with its position.

use super::{At, Resume};
use crate::error::{Error, ErrorKind, Result};
use futures_core::stream::BoxStream;
use futures_util::{StreamExt as _, stream};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// How much is read at a time, away from the threads of the runtime.
const CHUNK_BYTES: usize = 64 * 1024;

/// The lines of a file, without their ends, up to the end of the file; it goes on where it was after a restart.
///
/// A line's position is the byte behind it: the file may grow between two runs, but must not be written anew, and what
/// is at its end counts as a line.
///
/// ```
/// # slipstream::doc_test(async {
/// use slipstream::prelude::*;
///
/// #[handle(source = slipstream::lines("/etc/hosts"), sink = [print])]
/// fn hosts(line: &str) -> Option<String> {
///     line.split('#').next().filter(|host| !host.is_empty()).map(str::to_owned)
/// }
/// # Ok(()) });
/// ```
pub fn lines(
    path: impl AsRef<Path>,
) -> impl Fn(Resume<u64>) -> BoxStream<'static, At<u64, Result<String>>> + Send + 'static {
    let path = path.as_ref().to_owned();
    move |Resume(last)| {
        let start = Reader { path: path.clone(), file: None, position: last.unwrap_or(0) };
        let chunks = stream::unfold(Some(start), |reader| async {
            let mut reader = reader?;
            let read = tokio::task::spawn_blocking(move || {
                let chunk = reader.chunk();
                (chunk, reader)
            });
            match read.await {
                Ok((Ok(chunk), _)) if chunk.is_empty() => None,
                Ok((Ok(chunk), reader)) => Some((chunk, Some(reader))),
                Ok((Err(error), reader)) => Some((vec![At(reader.position, Err(error))], None)),
                Err(_) => None, // the runtime is shutting down
            }
        });
        chunks.flat_map(stream::iter).boxed()
    }
}

struct Reader {
    path: PathBuf,
    file: Option<BufReader<File>>,
    position: u64,
}

impl Reader {
    /// Some lines, or none at the end.
    fn chunk(&mut self) -> Result<Vec<At<u64, Result<String>>>> {
        let shown = self.path.display().to_string();
        let failed = |error| Error::caused(ErrorKind::Source, format!("{shown} cannot be read"), error);
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let mut file = File::open(&self.path).map_err(failed)?;
                file.seek(SeekFrom::Start(self.position)).map_err(failed)?;
                self.file.insert(BufReader::with_capacity(CHUNK_BYTES, file))
            }
        };
        let (mut lines, mut taken) = (Vec::new(), 0);
        while taken < CHUNK_BYTES {
            let mut line = Vec::new();
            let read = file.read_until(b'\n', &mut line).map_err(failed)?;
            if read == 0 {
                break;
            }
            taken += read;
            self.position += read as u64;
            while line.last().is_some_and(|last| matches!(last, b'\n' | b'\r')) {
                line.pop();
            }
            let line = String::from_utf8(line).map_err(|error| {
                Error::caused(ErrorKind::Codec, format!("a line of {shown} is not UTF-8"), error.utf8_error())
            });
            lines.push(At(self.position, line));
        }
        Ok(lines)
    }
}
