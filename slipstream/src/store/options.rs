//! Where a store lies, and what is asked of it.

use super::budget::Budget;
use super::disk::{Durability, Hook};
use super::engine::EngineKind;
use crate::config::Config;
use std::path::PathBuf;

/// Commits are refused while less is free: the engine itself, and whoever else uses the disk, must not hit its end.
const LOW_WATER_BYTES: u64 = 32 * 1024 * 1024;

/// What is done about state that is damaged, gone, or older than it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnLoss {
    /// It is an error, which says what can be done.
    Fail,
    /// It is moved aside, and made again from the sources.
    Replay,
}

#[derive(Clone)]
pub(crate) struct StoreOptions {
    pub(crate) dir: PathBuf,
    /// Who has it, for the error of another who wants it.
    pub(crate) app: String,
    pub(crate) durability: Durability,
    pub(crate) on_loss: OnLoss,
    pub(crate) undrained_bytes: usize,
    pub(crate) low_water_bytes: u64,
    pub(crate) engine: EngineKind,
    /// Whether a thread drains it: tests do it by hand.
    pub(crate) has_drain: bool,
    pub(crate) hook: Option<Hook>,
}

impl StoreOptions {
    pub(crate) fn new(dir: PathBuf, app: String, engine: EngineKind) -> Self {
        StoreOptions {
            dir,
            app,
            durability: Durability::Process,
            on_loss: OnLoss::Fail,
            undrained_bytes: Budget::default().undrained(),
            low_water_bytes: LOW_WATER_BYTES,
            engine,
            has_drain: true,
            hook: None,
        }
    }

    /// What the settings say, in this directory.
    #[cfg(feature = "sled")]
    pub(crate) fn of(config: &Config, dir: PathBuf) -> Self {
        let budget = Budget::of(config).unwrap_or_default(); // preflight has checked all three
        let mut options = StoreOptions::new(dir, config.app_id(), super::sled::kind(budget.pages()));
        options.undrained_bytes = budget.undrained();
        options.durability = durability(config).unwrap_or(options.durability);
        options.on_loss = on_loss(config).unwrap_or(options.on_loss);
        options
    }

    /// What is wrong with the settings.
    pub(crate) fn problems(config: &Config) -> Vec<String> {
        let problems = [durability(config).err(), on_loss(config).err(), Budget::of(config).err()];
        problems.into_iter().flatten().collect()
    }
}

fn durability(config: &Config) -> Result<Durability, String> {
    match config.get("state.durability") {
        None | Some("process") => Ok(Durability::Process),
        Some("power") => Ok(Durability::Power),
        Some(_) => Err(config.wrong(
            "state.durability",
            "is `process` (commits survive a kill of the process) or `power` (they survive a loss of power)",
        )),
    }
}

fn on_loss(config: &Config) -> Result<OnLoss, String> {
    match config.get("state.on.loss") {
        None | Some("fail") => Ok(OnLoss::Fail),
        Some("replay") => Ok(OnLoss::Replay),
        Some(_) => Err(config.wrong(
            "state.on.loss",
            "is `fail` (lost or damaged state is an error) or `replay` (it is moved aside, and made again from the \
             sources)",
        )),
    }
}
