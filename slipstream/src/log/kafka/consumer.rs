//! The thread that owns a group's consumer: it polls, and waits for nobody but the broker.

use super::admin::Admin;
use super::membership::{Membership, leave};
use super::probe::Probe;
use super::producers::Producers;
use super::reader::{Reader, Tended};
use super::settings::{self, Settings};
use super::start::Start;
use crate::error::{Error, ErrorKind, Result};
use crate::log::{Delivery, GroupOffset};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How long to wait for records when there is nothing else to do; commands wait as long.
const IDLE: Duration = Duration::from_millis(20);
/// How long to wait while a lane's channel is full.
const BUSY: Duration = Duration::from_millis(1);
/// How long to wait before a full lane is looked at again.
const HELD: Duration = Duration::from_micros(200);
/// How many records are taken before anything else is looked at.
const BURST: usize = 256;
/// How often partitions are looked at for a stall.
const TICK: Duration = Duration::from_secs(1);
/// How long leaving may take if nobody says.
const LEAVING: Duration = Duration::from_secs(5);

enum Command {
    Commit(Vec<GroupOffset>),
    Seek(Arc<str>, u32),
    Close(Instant),
}

/// A consumer as the rest of the log sees it.
pub(super) struct Consumer {
    commands: Sender<Command>,
    done: Receiver<()>,
}

impl Consumer {
    /// Joins the group, and starts to read.
    pub(super) fn start(
        settings: &Settings,
        membership: Membership,
        group: &str,
        topics: Vec<(Start, mpsc::Sender<Delivery>)>,
        (producers, admin): (Arc<Producers>, Arc<Admin>),
    ) -> Result<Self> {
        let config = settings.consumer(Some(group));
        let probe = Probe::new(config.clone(), membership.voice.another());
        let client: BaseConsumer<_> = settings::client(&config, membership)?;
        let names: Vec<&str> = topics.iter().map(|(start, _)| &*start.topic).collect();
        client.subscribe(&names).map_err(|error| {
            Error::caused(ErrorKind::Log, format!("group `{group}` cannot be joined for {names:?}"), error)
        })?;
        let client = Arc::new(client);
        let reader = Reader::new(client.clone(), topics, probe, admin);
        let (commands, orders) = channel();
        let (finished, done) = channel();
        super::spawn(&format!("slipstream-kafka-{group}"), move || {
            let deadline = run(&client, reader, &orders, &producers);
            leave(client, deadline);
            // Nobody may be waiting any more.
            let _ = finished.send(());
        })?;
        Ok(Consumer { commands, done })
    }

    /// Tells the group how far it is, in time.
    pub(super) fn commit(&self, offsets: &[GroupOffset]) {
        // A thread that has ended has left the group.
        let _ = self.commands.send(Command::Commit(offsets.to_vec()));
    }

    /// Goes on from where the position of a partition is by then.
    pub(super) fn seek(&self, topic: &str, partition: u32) {
        // A thread that has ended reads nothing more.
        let _ = self.commands.send(Command::Seek(topic.into(), partition));
    }

    pub(super) fn close(&self, deadline: Instant) {
        let _ = self.commands.send(Command::Close(deadline));
    }

    /// Waits until it has left, but not longer than until then.
    pub(super) fn wait(&self, deadline: Instant) {
        let _ = self.done.recv_timeout(deadline.saturating_duration_since(Instant::now()));
    }
}

/// Reads until it is told to close; gives the deadline for leaving.
fn run(
    client: &BaseConsumer<Membership>,
    mut reader: Reader,
    orders: &Receiver<Command>,
    producers: &Producers,
) -> Instant {
    let mut tick = Instant::now() + TICK;
    loop {
        loop {
            match orders.try_recv() {
                Ok(Command::Commit(offsets)) => reader.commit(&offsets),
                Ok(Command::Seek(topic, partition)) => reader.seek(&topic, partition),
                Ok(Command::Close(deadline)) => return deadline,
                Err(TryRecvError::Disconnected) => return Instant::now() + LEAVING,
                Err(TryRecvError::Empty) => break,
            }
        }
        while let Some(change) = client.context().take() {
            if let Some(change) = reader.change(change) {
                client.context().put_back(change);
                break;
            }
        }
        if let Some(fatal) = producers.fatal() {
            reader.fail_all(&format!("nothing more can be written: {fatal}"));
        }
        let (mut wait, burst) = match reader.tend() {
            Tended::Idle => (IDLE, BURST),
            Tended::Behind => (BUSY, BURST),
            Tended::Hold => {
                std::thread::sleep(HELD);
                (Duration::ZERO, 0)
            }
        };
        for _ in 0..burst {
            match client.poll(wait) {
                Some(Ok(message)) => reader.message(&message),
                Some(Err(error)) => reader.error(&error),
                // It is momentarily empty, or the group has changed.
                None => break,
            }
            wait = Duration::ZERO;
        }
        reader.settle_ends();
        if Instant::now() >= tick {
            tick = Instant::now() + TICK;
            reader.watch();
        }
    }
}
