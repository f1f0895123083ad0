//! Endpoint: a client sees each second's update, also beside one that never reads, and the app ends while both look on.

use super::example::Example;
use super::timer;
use crate::machine;
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

const WITHIN: Duration = Duration::from_secs(10);

pub(super) fn streams() -> Result<()> {
    let [port] = machine::free_ports()?;
    let mut endpoint = Example::new("endpoint")?.env("PORT", &port.to_string()).start()?;
    // The server is there before the app is.
    endpoint.wait_for_lines(1, WITHIN);
    let _never_reads = asked(port)?;
    let mut seen = Vec::new();
    let mut lines = BufReader::new(asked(port)?).lines();
    while seen.len() < 4 {
        let line = lines.next().context("the server has closed the connection")?.context("no update came")?;
        seen.extend(timer::seconds(&line));
    }
    let ended = endpoint.terminate()?;
    ended.with_code(0)?;
    let printed =
        ended.lines.iter().filter_map(|line| line.strip_prefix("(\"time\", \"")?.strip_suffix("\")"));
    let printed = printed.map(timer::seconds).collect::<Result<Vec<_>>>()?;
    // What the client saw is a part of what was printed, without a gap: each update once.
    if !printed.windows(seen.len()).any(|part| part == seen) {
        bail!("it printed the seconds {printed:?} of the day, and the client got {seen:?}");
    }
    if seen.windows(2).any(|pair| !(pair[0]..pair[0] + 3).contains(&pair[1])) {
        bail!("an update should come each second, but they came at {seen:?}");
    }
    Ok(())
}

/// A connection that has asked for the updates.
fn asked(port: u16) -> Result<TcpStream> {
    let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).context("no server")?;
    client.set_read_timeout(Some(WITHIN))?;
    write!(client, "GET /updates HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    Ok(client)
}
