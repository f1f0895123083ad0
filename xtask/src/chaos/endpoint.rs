//! `endpoint`: web clients that come and go while a pipeline runs. They connect and drop, with and without a request, read a
//! little, or never read at all. Nothing of them stays: no subscription, file, task or memory; and nobody waits for them.

use super::topics::Process;
use super::{Builds, Options, Random, Verdict, number, program};
use anyhow::{Context, Result};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How many clients there are in all, and how many come in one wave, which is below the usual limit of open files.
const LONG: u64 = 10_000;
const SHORT: u64 = 1_500;
const WAVE: u64 = 250;
/// So many more never read, and stay while others come and go.
const STAY: u64 = 50;

/// After so long there is no more room for a client that does not read: who waits for it stands still by then.
const FULL: Duration = Duration::from_secs(6);

/// How long the pipeline is measured without clients, before and after.
const ALONE: Duration = Duration::from_secs(2);
/// How long a client waits for the server, and the server may take until it knows that all are gone.
const PATIENCE: Duration = Duration::from_secs(20);
/// What the allocator may keep besides: a tenth of what 10 000 clients would hold on to.
const KEPT_KIB: u64 = 16 << 10;
/// The pipeline keeps its pace as without clients, but for the processor time that the machine lacks for it.
const LEAST_PERCENT: u64 = 70;

/// Mistakes that must be found: subscriptions stay behind, and the pipeline waits for its clients.
const PLANTS: [&str; 2] = ["leak", "wait"];

pub(super) fn run(builds: Builds, options: &mut Options) -> Result<Verdict> {
    options.check_plant(&PLANTS)?;
    let server = Server::start(builds, options.plant.as_deref().unwrap_or("none"))?;
    let mut random = Random::new(options.seed());
    // What as many leave in pools for the first time is no leak.
    let first = server.never_read()?;
    server.wave(WAVE, &mut random)?;
    drop(first);
    let before = server.calm(|_| true)?;
    let alone = server.alone()?;
    let clients = if options.short { SHORT } else { LONG };
    let mut open = 0;
    let stay = server.never_read()?;
    let beside = server.rate(|| {
        for _ in 0..clients / WAVE {
            open = open.max(server.wave(WAVE, &mut random)?);
        }
        Ok(())
    })?;
    drop(stay);
    let after = server.calm(|counts| counts.at_most(&before))?;
    let alone = (alone + server.alone()?) / 2;
    let percent = beside * 100 / alone.max(1);
    println!(
        "endpoint: {clients} clients, up to {open} at once, {STAY} of them never read: open subscriptions {} before and {} \
         after, files {} and {}, tasks {} and {}, memory {} and {} KiB; {beside} updates/s beside them and {alone} without, \
         {percent} %",
        before.open, after.open, before.files, after.files, before.tasks, after.tasks, before.kib, after.kib
    );
    let is_gone = after.at_most(&before) && after.kib <= before.kib + KEPT_KIB;
    Ok(Verdict::of(is_gone && open > STAY && percent >= LEAST_PERCENT))
}

/// What the server's process has.
struct Counts {
    done: u64,
    open: u64,
    tasks: u64,
    files: u64,
    kib: u64,
}

impl Counts {
    /// Not one more than there: what the server's start still had open may be gone.
    fn at_most(&self, before: &Counts) -> bool {
        self.open <= before.open && self.tasks <= before.tasks && self.files <= before.files
    }
}

struct Server {
    process: Process,
    port: u16,
}

impl Server {
    fn start(builds: Builds, plant: &str) -> Result<Self> {
        let mut command = Command::new(program(builds.program)?);
        command.args(["endpoint", plant]).env("SLIPSTREAM_LOG", "error").stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start the program with the endpoint")?;
        let said = child.stdout.take().context("its output is not piped")?;
        let process = Process(child);
        let mut line = String::new();
        BufReader::new(said).read_line(&mut line)?;
        Ok(Server { process, port: number(&line, "port")?.try_into()? })
    }

    fn connected(&self) -> Result<TcpStream> {
        let client = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).context("no connection")?;
        client.set_read_timeout(Some(PATIENCE))?;
        Ok(client)
    }

    fn asked(&self) -> Result<TcpStream> {
        let mut client = self.connected()?;
        client.write_all(b"GET /updates HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        Ok(client)
    }

    /// Clients for which there is no more room.
    fn never_read(&self) -> Result<Vec<TcpStream>> {
        let clients = (0..STAY).map(|_| self.asked()).collect();
        std::thread::sleep(FULL);
        clients
    }

    /// Clients of all kinds, of which some stay until the last one has come; how many were open then.
    fn wave(&self, clients: u64, random: &mut Random) -> Result<u64> {
        let mut stay = Vec::new();
        for _ in 0..clients {
            match random.below(4) {
                0 => drop(self.connected()?),
                1 => drop(self.asked()?),
                2 => {
                    let mut client = self.asked()?;
                    let _ = client.read(&mut [0; 1024])?;
                }
                _ => stay.push(self.asked()?),
            }
        }
        Ok(self.counts()?.open)
    }

    fn counts(&self) -> Result<Counts> {
        let mut client = self.connected()?;
        client.write_all(b"GET /counts HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut told = String::new();
        client.read_to_string(&mut told)?;
        let process = format!("/proc/{}", self.process.0.id());
        Ok(Counts {
            done: number(&told, "done")?,
            open: number(&told, "open")?,
            tasks: number(&told, "tasks")?,
            files: std::fs::read_dir(format!("{process}/fd"))?.count() as u64,
            kib: number(&std::fs::read_to_string(format!("{process}/status"))?, "VmRSS:")?,
        })
    }

    /// What there is once it neither changes nor lacks what is awaited, or what is still there after a while.
    fn calm(&self, is_awaited: impl Fn(&Counts) -> bool) -> Result<Counts> {
        let begun = Instant::now();
        let mut last = self.counts()?;
        let mut calm = 0;
        loop {
            std::thread::sleep(Duration::from_millis(50));
            let counts = self.counts()?;
            let is_same = counts.at_most(&last) && last.at_most(&counts);
            calm = if is_same && counts.open == 0 && is_awaited(&counts) { calm + 1 } else { 0 };
            if calm == 5 || begun.elapsed() > PATIENCE {
                return Ok(counts);
            }
            last = counts;
        }
    }

    /// The rate without clients.
    fn alone(&self) -> Result<u64> {
        self.rate(|| {
            std::thread::sleep(ALONE);
            Ok(())
        })
    }

    /// How many messages are done in a second while this runs.
    fn rate(&self, run: impl FnOnce() -> Result<()>) -> Result<u64> {
        let (begun, before) = (Instant::now(), self.counts()?.done);
        run()?;
        let (took, done) = (begun.elapsed().as_secs_f64(), self.counts()?.done - before);
        Ok((done as f64 / took) as u64)
    }
}
