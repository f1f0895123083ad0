//! One process at a time has a state directory.

use super::errors::failed;
use crate::error::{Error, ErrorKind, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// A process that is being started holds what its parent has locked, until it is another program.
const PATIENCE: Duration = Duration::from_millis(200);

/// Holds the directory until it is dropped.
pub(super) struct Lock(#[expect(dead_code, reason = "it is held, not read")] File);

impl Lock {
    /// Fails if a process has the directory; one that is not there, or that nobody ever had, is nobody's.
    pub(super) fn free(dir: &Path, app: &str) -> Result<()> {
        if dir.join("LOCK").exists() { Lock::take(dir, app).map(drop) } else { Ok(()) }
    }

    pub(super) fn take(dir: &Path, app: &str) -> Result<Self> {
        let path = dir.join("LOCK");
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = open.map_err(|error| failed("locked", dir, error))?;
        let started = Instant::now();
        let mut locked = file.try_lock();
        while matches!(locked, Err(TryLockError::WouldBlock)) && started.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(5));
            locked = file.try_lock();
        }
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = std::fs::read_to_string(&path).unwrap_or_default();
                let holder = if holder.is_empty() { "another process" } else { &holder };
                let text = format!(
                    "the state in {} is in use by {holder}: stop it, or give this one its own `app.id`",
                    dir.display()
                );
                return Err(Error::new(ErrorKind::Store, text));
            }
            Err(TryLockError::Error(error)) => return Err(failed("locked", dir, error)),
        }
        let written =
            file.set_len(0).and_then(|()| write!(file, "process {} (app `{app}`)", std::process::id()));
        // It is for the other one's error only; a full disk must not keep the state from being read.
        let _ = written;
        Ok(Lock(file))
    }
}
