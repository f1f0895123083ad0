//! Pipe: the three columns of the cookbook, and two lines more.

use super::compare;
use super::example::Example;
use anyhow::Result;
use std::time::Duration;

const PAIRWISE: &str = "(0, 1)\n(1, 2)\n(2, 3)\n(3, 4)\n(4, 5)\n(5, 6)";
const ACCUMULATE: &str = "0\n1\n3\n6\n10\n15";
const BOTH: &str = "(0, 1)\n(1, 3)\n(3, 6)\n(6, 10)\n(10, 15)\n(15, 21)";

pub(super) fn column(which: &str) -> Result<()> {
    let expected = match which {
        "pairwise" => PAIRWISE,
        "accumulate" => ACCUMULATE,
        _ => BOTH,
    };
    let mut pipe = Example::new("pipe")?.arg(which).start()?;
    // A number comes each 100 ms, so that these take less than a second, and 100 of them ten.
    pipe.wait_for_lines(6, Duration::from_secs(5));
    let ended = pipe.terminate()?;
    ended.with_code(0)?;
    // One more may have come before the signal.
    let first = &ended.lines[..ended.lines.len().min(6)];
    compare::same(expected, first)
}
