//! What the process was given: its environment, and what `#[slipstream::main]` has read from its command line.

use super::layer::{Layer, Level};
use super::{Config, file};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::OnceLock;

/// The prefix of the environment's names: `SLIPSTREAM_APP_ID` is `app.id`.
pub(super) const PREFIX: &str = "SLIPSTREAM_";

/// The variable that names the file of settings, and so is none itself.
const FILE: &str = "CONFIG";

/// The settings of a command line.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Given {
    /// The file of settings, if another is to be read than usual.
    pub(crate) file: Option<PathBuf>,
    /// Names and values, in their order.
    pub(crate) settings: Vec<(String, String)>,
}

/// No library reads the command line: `main` does, and says so here.
static GIVEN: OnceLock<Given> = OnceLock::new();

/// Notes what the command line says, once.
pub(crate) fn give(given: Given) {
    // A second `main` there is not.
    let _ = GIVEN.set(given);
}

/// Everything above what the program sets.
pub(super) fn config() -> Config {
    of(std::env::vars_os(), GIVEN.get())
}

pub(super) fn of(variables: impl Iterator<Item = (OsString, OsString)>, given: Option<&Given>) -> Config {
    let mut config = Config::default();
    let (environment, named) = environment(variables);
    let named = given.and_then(|given| given.file.clone()).or(named);
    let is_asked_for = named.is_some();
    match file::read(&named.unwrap_or_else(|| file::NAME.into()), is_asked_for) {
        Ok(layer) => config.layers[Level::File as usize] = layer,
        Err(problem) => config.problems.push(problem),
    }
    config.layers[Level::Environment as usize] = environment;
    for (name, value) in given.iter().flat_map(|given| &given.settings) {
        config.layers[Level::Command as usize].put(name, value, format!("by the flag `--{name}`"));
    }
    config
}

/// The settings of the environment, and the file that it names.
fn environment(variables: impl Iterator<Item = (OsString, OsString)>) -> (Layer, Option<PathBuf>) {
    let (mut layer, mut file) = (Layer::default(), None);
    for (variable, value) in variables {
        let Some(variable) = variable.to_str() else { continue };
        let Some(name) = variable.strip_prefix(PREFIX) else { continue };
        let place = format!("by the variable `{variable}`");
        match value.to_str() {
            _ if name == FILE => file = Some(value.into()),
            Some(value) => layer.put_once(name, value, place),
            None => layer.put_broken(name, "is not UTF-8", place),
        }
    }
    (layer, file)
}
