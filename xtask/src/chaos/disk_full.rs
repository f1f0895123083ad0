//! `disk-full`: the disk of a state gets full while an app writes, and later has space again. Commits wait meanwhile, go on
//! without a restart, and nothing is lost.

use super::{Builds, Options, Random, Verdict, copy, number, program};
use crate::machine;
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const ROUNDS: u64 = 20;
const SHORT_ROUNDS: u64 = 6;

/// The size of the disk: the rows of the program take a third of it.
const DISK_MIB: u64 = 256;

/// The library leaves so much free.
const LOW_WATER_MIB: u64 = 32;

/// How much the program finds free above that, to fill it up by itself.
const HEADROOM_MIB: u64 = 3;

/// How much is given back.
const ROOM_MIB: u64 = 96;

/// How long the program is left to fill the disk by itself: it does not once it writes its rows anew.
const ALONE: Duration = Duration::from_secs(3);

/// How long nothing may be committed before it counts as paused.
const PAUSE: Duration = Duration::from_millis(1500);

/// How long anything may take.
const LONG: Duration = Duration::from_secs(60);

pub(super) fn run(builds: Builds, options: &mut Options) -> Result<Verdict> {
    let rounds = if options.short { SHORT_ROUNDS } else { ROUNDS };
    let mut random = Random::new(options.seed());
    let disk = match Disk::mount() {
        Ok(disk) => disk,
        Err(why) => return Ok(Verdict::Skipped(format!("{why:#}"))),
    };
    let found = fill(&program(builds.program)?, &disk, rounds, &mut random);
    if !matches!(found, Ok(Verdict::Right)) && disk.state().exists() {
        let kept = tempfile::tempdir()?.keep();
        copy(&disk.state(), &kept)?;
        println!("a copy of the state is in {}", kept.display());
    }
    found
}

fn fill(program: &Path, disk: &Disk, rounds: u64, random: &mut Random) -> Result<Verdict> {
    let mut filler = Filler::start(program, disk)?;
    let (mut longest, mut pauses) = (Duration::ZERO, 0);
    for round in 1..=rounds {
        filler.goes_on()?;
        disk.leave(LOW_WATER_MIB + HEADROOM_MIB)?;
        // Every other time somebody else takes what is left, to the last byte.
        let all = round.is_multiple_of(2);
        if all {
            std::thread::sleep(Duration::from_millis(random.below(500)));
        }
        filler.pauses(disk, if all { 0 } else { LOW_WATER_MIB - 1 - random.below(LOW_WATER_MIB / 2) })?;
        pauses += 1;
        let committed = filler.committed()?;
        let begun = Instant::now();
        disk.leave(ROOM_MIB)?;
        filler.wait_for("a commit after there was space", |filler| Ok(filler.committed()? > committed))?;
        longest = longest.max(begun.elapsed());
        println!(
            "round {round}: paused at {committed}{}, resumed within {} ms",
            if all { ", the disk full to the last byte" } else { "" },
            begun.elapsed().as_millis()
        );
    }
    let waits = filler.waits()?;
    let written = filler.end()?;
    let checked = machine::output(
        Command::new(&filler.program).arg("filled").arg(disk.state()).env("SLIPSTREAM_LOG", "error"),
    )?;
    let line = checked.trim_end();
    println!("at the end: {written} written; of the state: {line}");
    let lost = number(line, "lost")? + number(line, "invented")? + written.abs_diff(number(line, "written")?);
    println!(
        "disk-full: {rounds} rounds, {pauses} paused, {waits} commits were refused for lack of space, longest time to resume \
         {} ms, {written} messages, lost {lost}",
        longest.as_millis()
    );
    Ok(Verdict::of(lost == 0))
}

/// A small disk of its own, of which a file takes what is not to be free.
struct Disk {
    home: TempDir,
}

impl Disk {
    fn mount() -> Result<Self> {
        let home = tempfile::tempdir().context("no temporary folder for the disk")?;
        fs::create_dir(home.path().join("disk"))?;
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &format!("size={DISK_MIB}m"), "tmpfs"])
            .arg(home.path().join("disk"));
        machine::output(&mut mount).context("only root may mount a small disk")?;
        Ok(Disk { home })
    }

    fn path(&self) -> PathBuf {
        self.home.path().join("disk")
    }

    fn state(&self) -> PathBuf {
        self.path().join("state")
    }

    fn free(&self) -> Result<u64> {
        let found = rustix::fs::statvfs(self.path())?;
        Ok(found.f_bavail * found.f_frsize)
    }

    /// Leaves so much free, if others let it.
    fn leave(&self, mib: u64) -> Result<()> {
        const PIECE: usize = 64 << 10;
        let mut ballast = File::options().create(true).append(true).open(self.path().join("ballast"))?;
        let (free, wanted) = (self.free()?, mib << 20);
        if free < wanted {
            let length = ballast.metadata()?.len();
            return Ok(ballast.set_len(length.saturating_sub(wanted - free))?);
        }
        // Full before its time: then it is full.
        while self.free()? >= wanted + PIECE as u64 && ballast.write_all(&[1; PIECE]).is_ok() {}
        while mib == 0 && ballast.write_all(&[1; 512]).is_ok() {}
        Ok(())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What is left mounted is gone with the machine; there is nothing else to be done about it.
        let _ = machine::output(Command::new("umount").arg("--lazy").arg(self.path()));
    }
}

/// The program that writes.
struct Filler {
    program: PathBuf,
    child: Child,
    stdout: BufReader<ChildStdout>,
    notes: PathBuf,
    log: PathBuf,
}

impl Filler {
    fn start(program: &Path, disk: &Disk) -> Result<Self> {
        let [notes, log] = ["notes", "log"].map(|name| disk.home.path().join(name));
        let mut command = Command::new(program);
        command.arg("fill").args([&disk.state(), &notes]).env("SLIPSTREAM_LOG", "warn");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(&log)?);
        let mut child = command.spawn().context("cannot start the program that writes")?;
        let stdout = BufReader::new(child.stdout.take().context("its output is not piped")?);
        Ok(Filler { program: program.to_owned(), child, stdout, notes, log })
    }

    /// How many messages it knows to be committed.
    fn committed(&self) -> Result<u64> {
        let notes = fs::read_to_string(&self.notes).unwrap_or_default(); // it may not have come as far
        Ok(notes.trim().parse().unwrap_or(0))
    }

    /// How often it has said that a commit waits.
    fn waits(&self) -> Result<usize> {
        Ok(fs::read_to_string(&self.log)?.matches("commits wait for space").count())
    }

    fn wait_for(&mut self, what: &str, mut is_so: impl FnMut(&Self) -> Result<bool>) -> Result<()> {
        let begun = Instant::now();
        while !is_so(self)? {
            let ended = self.child.try_wait()?;
            if ended.is_some() || begun.elapsed() > LONG {
                let state =
                    ended.map_or("it still runs".to_owned(), |status| format!("it ended with {status}"));
                bail!("waited in vain for {what}; {state}, and said:\n{}", fs::read_to_string(&self.log)?);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// Waits for a few commits.
    fn goes_on(&mut self) -> Result<()> {
        let before = self.committed()?;
        self.wait_for("commits", |filler| Ok(filler.committed()? > before + 100))
    }

    /// Waits until it has said that a commit waits, and nothing has been committed for a while. What it writes itself fills
    /// the disk; what it frees meanwhile, somebody else takes.
    fn pauses(&mut self, disk: &Disk, leaves: u64) -> Result<()> {
        let waits = self.waits()?;
        if leaves == 0 {
            disk.leave(0)?;
        }
        let begun = Instant::now();
        self.wait_for("a commit that waits for space", |filler| {
            if begun.elapsed() > ALONE {
                disk.leave(leaves)?;
            }
            Ok(filler.waits()? > waits)
        })?;
        let mut since = (self.committed()?, Instant::now());
        self.wait_for("a pause", |filler| {
            if disk.free()? > leaves << 20 {
                disk.leave(leaves)?;
            }
            let committed = filler.committed()?;
            if committed != since.0 {
                since = (committed, Instant::now());
            }
            Ok(since.1.elapsed() > PAUSE)
        })
    }

    /// Tells it to end, and takes how many messages it has done.
    fn end(&mut self) -> Result<u64> {
        // The number cannot belong to another process: ours was not waited for yet.
        kill_process(Pid::from_child(&self.child), Signal::TERM)
            .context("cannot signal the program that writes")?;
        let mut written = None;
        for line in self.stdout.by_ref().lines() {
            written = number(&line?, "written").ok().or(written);
        }
        let status = self.child.wait()?;
        let said = || fs::read_to_string(&self.log).unwrap_or_default();
        if !status.success() {
            bail!("the program that writes has ended with {status}, and said:\n{}", said());
        }
        written.with_context(|| format!("the program that writes did not say how much; it said:\n{}", said()))
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        // Does nothing to one that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
