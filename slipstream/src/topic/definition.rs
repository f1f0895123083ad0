//! What a static topic says of itself, whatever its types.

use crate::error::{Error, ErrorKind, Result};
use crate::log::Origin;
use crate::needs::Named;
use crate::scope::{Shared, Slot};
use std::any::Any;
use std::sync::{Arc, OnceLock};

/// Where a topic is read from where neither the app's state nor the consumer group knows a position.
///
/// ```
/// use slipstream::prelude::*;
/// static QUAKES: Topic<String, f64> = Topic::new("quakes").start(Start::Earliest);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Start {
    /// From the oldest record that is kept.
    Earliest,
    /// From what is written after the start.
    Latest,
}

impl Start {
    pub(crate) fn origin(self) -> Origin {
        match self {
            Start::Earliest => Origin::Earliest,
            Start::Latest => Origin::Latest,
        }
    }
}

/// A topic without its types.
pub(crate) struct Definition {
    pub(crate) name: &'static str,
    pub(crate) start: Start,
    pub(crate) until_end: bool,
    pub(crate) partitions: Option<u32>,
    pub(crate) slot: Slot,
}

/// What an app knows of a topic; an error is one for good.
#[derive(Default)]
pub(crate) struct Ready {
    name: OnceLock<Result<Arc<str>, String>>,
    /// The codec at work, if it is more than a type.
    pub(crate) codec: OnceLock<Result<Option<Arc<dyn Any + Send + Sync>>, String>>,
}

/// How many partitions a topic gets that is made because it was missing, if it does not say.
const PARTITIONS: u32 = 1;

impl Definition {
    pub(crate) const fn new(name: &'static str) -> Self {
        Definition { name, start: Start::Latest, until_end: false, partitions: None, slot: Slot::new() }
    }

    /// For preflight.
    pub(crate) fn named(&'static self, types: &'static str) -> Named {
        let prepare = Arc::new(|app: &Arc<Shared>| self.name_in(app).map(drop));
        Named { name: self.name, slot: self.slot.index(), types, prepare: Some(prepare) }
    }

    /// What an app knows of the topic.
    pub(crate) fn ready(&self, app: &Shared) -> Result<Arc<Ready>> {
        self.slot.of(app, Ready::default)
    }

    /// The topic's name on the broker, once it is known to be there.
    pub(crate) fn name_in(&self, app: &Shared) -> Result<Arc<str>> {
        let ready = self.ready(app)?;
        self.known(&ready, app)
    }

    pub(crate) fn known(&self, ready: &Ready, app: &Shared) -> Result<Arc<str>> {
        let name = ready.name.get_or_init(|| self.ensure(app).map_err(|error| error.to_string()));
        name.clone().map_err(|text| Error::new(ErrorKind::Log, text))
    }

    /// Makes sure that the topic is there, with as many partitions as asked for.
    fn ensure(&self, app: &Shared) -> Result<Arc<str>> {
        let name = app.topic_name(self.name);
        let log = app.log()?;
        match (log.partitions(&name)?, self.partitions) {
            (Some(found), Some(asked)) if found != asked => Err(Error::new(
                ErrorKind::Log,
                format!("the topic `{name}` has {found} partitions, and the program says {asked}"),
            )),
            (Some(_), _) => Ok(name),
            (None, asked) => {
                log.create(&name, asked.unwrap_or(PARTITIONS))?;
                Ok(name)
            }
        }
    }
}
