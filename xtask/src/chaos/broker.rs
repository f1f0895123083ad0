//! `broker`: the broker is not there, is stopped, killed and frozen while a worker counts over it. The worker waits, and goes on
//! by itself: each message has its update, with the right count, and the cache is exact.

use super::topics::{Judgement, Topics, Worker};
use super::{Builds, Options, Random, Verdict};
use crate::kafka::{self, Own};
use anyhow::{Result, bail};
use rustix::process::Signal;
use std::time::{Duration, Instant};

/// What happens to the broker, and for how long it is not there.
#[derive(Clone, Copy)]
enum Outage {
    Stopped(u64),
    Killed(u64),
    Frozen(u64),
}

/// A mistake that must be found: the worker's client gives records up that it cannot deliver.
const PLANT: &str = "gives-up";
const GIVES_UP: &str = "kafka.message.timeout.ms=4000";

/// For how long there is no broker at the worker's start.
const ABSENT: u64 = 12;
const LONG: [Outage; 7] = [
    Outage::Stopped(70),
    Outage::Killed(0),
    Outage::Frozen(20),
    Outage::Killed(5),
    Outage::Frozen(3),
    Outage::Stopped(0),
    Outage::Killed(0),
];
const SHORT: [Outage; 3] = [Outage::Stopped(7), Outage::Killed(0), Outage::Frozen(7)];

/// The session of a member that a broker has lost sight of must end before a group goes on: in the short form that is sooner.
const SHORT_SESSION: [&str; 1] = ["kafka.session.timeout.ms=2000"];

/// How many messages come with each outage, which strikes when some of them are done, and how many when it is over.
const MESSAGES: u64 = 30_000;
const MORE: u64 = 1_000;

/// How long after the broker is back the first record must have been taken, and its output delivered: two sessions, of the
/// member that was and of one that asked to be one while the broker did not answer, and then some.
const SOON: Duration = Duration::from_secs(20);

/// How long nothing may come before what is missing is lost.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn run(builds: Builds, options: &mut Options) -> Result<Verdict> {
    let mut random = Random::new(options.seed());
    options.check_plant(&[PLANT])?;
    let mut settings = if options.short { SHORT_SESSION.to_vec() } else { Vec::new() };
    settings.extend(options.plant.as_ref().map(|_| GIVES_UP));
    // It is killed and frozen: no other stage may need it.
    let mut broker = match kafka::own() {
        Ok(broker) => broker,
        Err(why) => return Ok(Verdict::Skipped(format!("{why:#}"))),
    };
    let topics = Topics::new(builds, &broker.address(), options.seed(), None)?;
    let home = tempfile::tempdir()?;

    let mut worker = topics.work(home.path(), &settings)?;
    std::thread::sleep(Duration::from_secs(if options.short { 3 } else { ABSENT }));
    if !worker.is_running()? {
        bail!("without a broker the worker does not wait");
    }
    broker.come()?;
    let back = Instant::now();
    topics.make()?;
    let mut returns = vec![("absent", back_at_work(&mut worker, &topics, 0, back)?)];

    let mut messages = MORE;
    for outage in if options.short { &SHORT[..] } else { &LONG } {
        topics.judge(messages, PATIENCE, &[])?;
        let mut filling = topics.fill(messages, messages + MESSAGES, 0)?;
        let strikes = worker.noted().1 + random.below(MESSAGES / 2);
        while worker.noted().1 < strikes && worker.is_running()? {
            std::thread::sleep(Duration::from_millis(1));
        }
        let before = worker.noted();
        let name = outage.strike(&mut broker)?;
        let (back, now) = (Instant::now(), worker.noted());
        filling.done()?;
        messages += MESSAGES;
        let took = back_at_work(&mut worker, &topics, messages, back)?;
        messages += MORE;
        println!(
            "{name}: {} done and {} delivered before, {} and {} when it is back, the first new one after {} ms",
            before.0,
            before.1,
            now.0,
            now.1,
            took.as_millis()
        );
        returns.push((name, took));
    }
    topics.judge(messages, PATIENCE, &[])?;
    let state = worker.stop()?;
    let Judgement { records, lost, duplicates, miscounted, wrong } =
        topics.judge(messages, Duration::ZERO, &[state])?;
    let shown: Vec<_> =
        returns.iter().map(|(name, took)| format!("{name} {} ms", took.as_millis())).collect();
    println!(
        "broker: {messages} messages, first new record after it was back: {}; {records} records in the output, duplicates \
         {duplicates}, lost {lost}, miscounted {miscounted}, wrong rows {wrong}",
        shown.join(", ")
    );
    let all_soon = returns.iter().all(|(_, took)| *took < SOON);
    Ok(Verdict::of(lost + miscounted + wrong == 0 && all_soon))
}

/// Sends more, and waits until the output of one of them is delivered; how long that is after the broker was back.
fn back_at_work(worker: &mut Worker, topics: &Topics, messages: u64, back: Instant) -> Result<Duration> {
    topics.fill(messages, messages + MORE, 0)?.done()?;
    while worker.noted().1 <= messages {
        if !worker.is_running()? {
            bail!("the worker has ended by itself");
        }
        if back.elapsed() > 3 * SOON {
            bail!("the worker has done nothing {} s after the broker was back", 3 * SOON.as_secs());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(back.elapsed())
}

impl Outage {
    /// Happens, until the broker is back.
    fn strike(self, broker: &mut Own) -> Result<&'static str> {
        let (name, by, seconds) = match self {
            Outage::Stopped(seconds) => ("stopped", Signal::TERM, seconds),
            Outage::Killed(seconds) => ("killed", Signal::KILL, seconds),
            Outage::Frozen(seconds) => ("frozen", Signal::STOP, seconds),
        };
        let length = Duration::from_secs(seconds);
        if let Outage::Frozen(_) = self {
            broker.signal(by)?;
            std::thread::sleep(length);
            broker.signal(Signal::CONT)?;
        } else {
            broker.go(by)?;
            std::thread::sleep(length);
            broker.come()?;
        }
        Ok(name)
    }
}
