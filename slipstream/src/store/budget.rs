//! How much memory the state may take, and what for.

use crate::config::Config;

/// The memory that the state of an app may take. What sled takes beyond its page cache comes on top, and grows with the
/// rows that it has: `cargo xtask bench steady` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    bytes: usize,
}

const DEFAULT_MIB: usize = 512;

/// With less there would be a commit for every few rows.
const LEAST_MIB: usize = 16;

impl Budget {
    /// What the setting says.
    pub(crate) fn of(config: &Config) -> Result<Self, String> {
        let Some(text) = config.get("state.memory.mib") else { return Ok(Budget::default()) };
        match text.parse::<usize>() {
            Ok(mib) if (LEAST_MIB..usize::MAX >> 20).contains(&mib) => Ok(Budget { bytes: mib << 20 }),
            _ => {
                let what = format!("is a number of MiB, and at least {LEAST_MIB}");
                Err(config.wrong("state.memory.mib", &what))
            }
        }
    }

    /// For rows that a step finds without the store: what has been written, and what was read lately.
    pub(crate) fn rows(self) -> usize {
        self.bytes / 2
    }

    /// For what has been written since the last cut; above this, lanes wait.
    pub(crate) fn open(self) -> usize {
        self.bytes / 8
    }

    /// For what is in the log and not yet in the engine; above this, commits wait. It is time at a restart, too.
    pub(crate) fn undrained(self) -> usize {
        self.bytes / 8
    }

    /// For the engine's own cache, of which it takes a multiple.
    #[cfg_attr(not(feature = "sled"), allow(dead_code))]
    pub(crate) fn pages(self) -> usize {
        self.bytes / 8
    }
}

impl Default for Budget {
    fn default() -> Self {
        Budget { bytes: DEFAULT_MIB << 20 }
    }
}
