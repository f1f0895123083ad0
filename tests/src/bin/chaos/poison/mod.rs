//! Poison on a broker: a topic in which some records cannot be read or handled, an app that buries those and counts the
//! rest, and, without the library, the filling of the topic and the judgement of what was buried.

mod filling;
mod judging;
mod kinds;
mod reading;

use super::mixed;
use serde::{Deserialize, Serialize};
use slipstream::prelude::*;

/// One of this many records is poison.
const RARE: u64 = 100;

/// The keys of what can be counted are below this.
const KEYS: u64 = 997;

/// The key of records that the sink refuses.
const REFUSED: u64 = 1000;

/// What the app reads.
#[derive(Debug, Serialize, Deserialize)]
struct Reading {
    n: u64,
    does: Does,
    /// Anything, also what is nested deeply.
    more: Option<serde_json::Value>,
}

/// What the handler does with it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Does {
    Count,
    Fail,
    Panic,
    Hang,
}

/// The topic that is read, on the broker `servers`; each run has its own dead letters.
struct Place<'a> {
    servers: &'a str,
    topic: &'a str,
    run: &'a str,
}

impl Place<'_> {
    fn dead(&self) -> String {
        format!("{}-dead-{}", self.topic, self.run)
    }
}

pub(crate) async fn run(args: &[&str]) -> Result<()> {
    match args {
        ["fill", servers, topic, seed, count] => {
            filling::run(servers, topic, seed.parse()?, count.parse()?).await
        }
        ["read", servers, topic, run, dir, settings @ ..] => {
            reading::run(&Place { servers, topic, run }, dir, settings).await
        }
        ["judge", servers, topic, run, dir] => judging::run(&Place { servers, topic, run }, dir).await,
        _ => Err(Error::msg(
            "`poison fill SERVERS TOPIC SEED COUNT`, `poison read SERVERS TOPIC RUN DIR [SETTING=VALUE..]` or `poison \
             judge SERVERS TOPIC RUN DIR`",
        )),
    }
}
