//! On a broker: a worker that counts by key from one topic into a cache and another topic, and, without the library, the
//! filling of the one and the judgement of the other.

mod filling;
mod judging;
mod working;

use super::mixed;
use slipstream::prelude::*;

/// A run: the broker, the names of its topics, and what is in the input.
#[derive(Clone)]
struct Place {
    servers: String,
    name: String,
}

impl Place {
    fn input(&self) -> String {
        format!("{}-input", self.name)
    }

    fn output(&self) -> String {
        format!("{}-output", self.name)
    }
}

/// So many that most are in no commit, so few that each is counted often.
const KEYS: u64 = 997;

/// The key of the nth message.
fn key(seed: u64, n: u64) -> u64 {
    mixed(seed << 40 ^ n) % KEYS
}

pub(crate) async fn run(args: &[&str]) -> Result<()> {
    let [what, servers, name, rest @ ..] = args else { return Err(usage()) };
    let place = Place { servers: (*servers).to_owned(), name: (*name).to_owned() };
    match (*what, rest) {
        ("work", [dir, settings @ ..]) => working::run(&place, dir, settings).await,
        ("make", []) => filling::make(&place).await,
        ("fill", [seed, from, to, rate]) => {
            filling::fill(&place, seed.parse()?, from.parse()?..to.parse()?, rate.parse()?)
        }
        ("judge", [seed, count, patience, states @ ..]) => {
            judging::run(&place, seed.parse()?, count.parse()?, secs(patience.parse()?), states)
        }
        _ => Err(usage()),
    }
}

fn usage() -> Error {
    Error::msg(
        "`kafka work SERVERS NAME DIR [SETTING=VALUE..]`, `kafka make SERVERS NAME`, `kafka fill SERVERS NAME SEED FROM TO \
         RATE` or `kafka judge SERVERS NAME SEED COUNT PATIENCE [STATE]`",
    )
}
