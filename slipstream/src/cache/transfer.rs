//! A cache as text, for backups, for looking at it, and for moving from one engine to another.

use super::lines::{FORMAT, Line, Lines, hex, line};
use super::{Cache, stamp};
use crate::codec::Codec;
use crate::error::{Error, ErrorKind, Result};
use crate::keys::{self, Key};
use crate::scope::Current;
use crate::store::RowValue;
use std::io::{BufRead, Write};
use std::time::Duration;

/// How many entries are written in one step.
const STEP: usize = 256;

/// How long an import waits for commits that make room for more.
const PATIENCE: Duration = Duration::from_secs(60);

impl<K, V, C> Cache<K, V, C>
where
    K: Key,
    C: Codec<V>,
{
    /// Writes all entries as text, as of one moment, and returns how many there are.
    ///
    /// There is one line for each entry, with its key and its value in hexadecimal digits; a line before them names the
    /// cache and the format, and one behind them has the count. Each begins with a checksum that also covers its number,
    /// so that [`import`](Cache::import) finds what is damaged, missing or moved. Nothing in it depends on the engine, nor
    /// on bounds of the cache: entries that have expired are not in it, and the times of the others are not either.
    /// The writer is blocked on, and should be buffered. A [`Snapshot`](super::Snapshot) is held meanwhile.
    ///
    /// ```
    /// # slipstream::doc_test(async {
    /// use slipstream::prelude::*;
    /// static RATES: Cache<String, f64> = Cache::new("rates");
    /// static COPY: Cache<String, f64> = Cache::new("copy of rates");
    /// let app = slipstream::testing::app().start_idle().await?;
    /// let mut text = Vec::new();
    /// app.enter(|| {
    ///     RATES.put("EUR", &1.1)?;
    ///     RATES.export(&mut text)
    /// })?;
    /// assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), 3);
    /// assert_eq!(app.scope(COPY.import(&text[..])).await?, 1);
    /// assert_eq!(app.enter(|| COPY.get("EUR"))?, Some(1.1));
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// Outside of an app, if the store cannot be read, or if the writer fails.
    pub fn export(&self, mut writer: impl Write) -> Result<u64> {
        let snapshot = self.snapshot()?;
        let mut number = 0;
        let mut put = |content: &str| {
            number += 1;
            let failed = |error| {
                Error::caused(
                    ErrorKind::User,
                    format!("the cache `{}` could not be exported", self.name),
                    error,
                )
            };
            writer.write_all(line(number, content).as_bytes()).map_err(failed)
        };
        put(&format!("{FORMAT} {:?}", self.name))?;
        let mut count = 0;
        for entry in snapshot.raw() {
            let (key, value) = entry?;
            put(&format!("entry {} {}", hex(&key), hex(&value)))?;
            count += 1;
        }
        put(&format!("end {count}"))?;
        writer.flush()?;
        Ok(count)
    }

    /// Puts all entries of an [`export`](Cache::export) into the cache, and returns how many there were. Other keys keep
    /// their values.
    ///
    /// The export may be of a cache of another name, with the same types; entries count as written now. At most 256 entries are one step, so that others
    /// may see a part of it; it waits for commits where it is ahead of them. The reader is blocked on.
    ///
    /// # Errors
    /// If a line is damaged, missing, or no entry of this cache's types: its number is named, and neither it nor anything
    /// behind it is written, but up to 256 entries at a time before it are. If the export has no end, as a file that was
    /// cut off. If called inside of a handler, outside of an app, or where the app does not commit any more.
    ///
    /// # Cancel safety
    /// The steps that were made stay.
    pub async fn import(&self, reader: impl BufRead) -> Result<u64> {
        let current = self.current()?;
        if current.step.is_some() {
            let text = format!(
                "an import into the cache `{}` inside of a handler would be one step with its message: import from \
                 outside",
                self.name
            );
            return Err(Error::new(ErrorKind::Misuse, text));
        }
        let mut lines = Lines::new(reader);
        lines.header()?;
        let (mut count, mut entries) = (0, Vec::with_capacity(STEP));
        loop {
            match lines.next()? {
                Line::Entry(key, value) => {
                    let fits = keys::decode::<K>(&key, &format!("the cache `{}`", self.name))
                        .and_then(|_| self.decode(&value));
                    fits.map_err(|error| lines.refused(&error))?;
                    count += 1;
                    let copy = |out: &mut Vec<u8>| {
                        out.extend(value);
                        Ok(())
                    };
                    let stored = stamp::store(self.written(&current.app), copy);
                    entries.push((key, stored.map_err(|error| self.codec("a value of", "stored", error))?));
                }
                Line::End(counted) => {
                    lines.ends(count, counted)?;
                    self.write_entries(&current, &entries)?;
                    return Ok(count);
                }
            }
            if entries.len() == STEP {
                self.write_entries(&current, &entries)?;
                entries.clear();
                let room = tokio::time::timeout(PATIENCE, current.app.state.room()).await;
                room.map_err(|late| {
                    Error::caused(
                        ErrorKind::Store,
                        "an import waited for commits in vain: does the app run?",
                        late,
                    )
                })?;
            }
        }
    }

    fn write_entries(&self, current: &Current, entries: &[(Vec<u8>, RowValue)]) -> Result<()> {
        current.app.state.outside(|txn| {
            for (key, value) in entries {
                let write = |row: &[u8]| self.stage(&current.app, txn, row, Some(value.clone()));
                self.row(|out| out.extend_from_slice(key), write)?;
            }
            Ok(())
        })
    }
}
