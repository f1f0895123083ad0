//! Small files that are text: of settings, and of secrets.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// A file of settings is far smaller; what is larger, or has no end, was not meant.
const MOST_BYTES: u64 = 1 << 20;

/// The text of a file.
pub(super) fn of(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(io::Error::other(format!("it has more than {MOST_BYTES} bytes")));
    }
    // The error of the conversion would have the bytes in it.
    String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8"))
}

/// The one value that a file has, without the end of its line.
pub(super) fn secret(path: &str) -> Result<String, String> {
    let mut text = of(Path::new(path))
        .map_err(|error| format!("is in the file {path:?}, which cannot be read: {error}"))?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    if text.is_empty() {
        return Err(format!("is in the file {path:?}, which is empty"));
    }
    Ok(text)
}
