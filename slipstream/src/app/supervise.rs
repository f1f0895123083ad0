//! Watches over a running app: commits, and ends it in order — stop the sources, drain the lanes, commit, close.

use super::Hook;
use super::job::{Job, blocking};
use crate::error::{Error, ErrorKind, Result};
use crate::log::GroupOffset;
use crate::scope::{self, Current, Shared};
use crate::steps::parse_place;
use futures_util::FutureExt as _;
use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

/// What an app is told; later ones are sterner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Orders {
    Run,
    Drain,
    Abort,
}

/// How an app has ended, once it has.
pub(super) type Outcome = Option<std::result::Result<(), Arc<Error>>>;

/// Starts the lanes, and the task that watches over them.
pub(super) fn spawn(
    app: Arc<Shared>,
    jobs: Vec<Job>,
    on_stop: Vec<Hook>,
    idle: bool,
) -> (watch::Sender<Orders>, watch::Receiver<Outcome>) {
    let (orders, told) = watch::channel(Orders::Run);
    let (ended, outcome) = watch::channel(None);
    let supervisor = Supervisor { app, told, deadline: None, idle };
    tokio::spawn(async move {
        let done = supervisor.run(jobs, on_stop).await;
        // Nobody waits for the end of an app that was dropped.
        let _ = ended.send(Some(done.map_err(Arc::new)));
    });
    (orders, outcome)
}

/// How often the process has been told to stop, from now on.
///
/// On a thread of its own: a handler that blocks its thread may block the one that the runtime hears of signals by.
pub(super) fn signals() -> watch::Receiver<u32> {
    let (told, heard) = watch::channel(0);
    let listen = move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            tokio::select! {
                () = listening(&told) => {}
                () = told.closed() => {}
            }
        });
    };
    if let Err(error) = std::thread::Builder::new().name("slipstream-signals".to_owned()).spawn(listen) {
        tracing::warn!(%error, "signals end the process at once: there is no thread to hear them");
    }
    heard
}

/// Ends when the process has been told so often.
pub(super) async fn signalled(mut heard: watch::Receiver<u32>, times: u32) {
    if heard.wait_for(|told| *told >= times).await.is_err() {
        std::future::pending::<()>().await; // nobody listens: nothing to wait for
    }
}

#[cfg(unix)]
async fn listening(told: &watch::Sender<u32>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    loop {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        told.send_modify(|told| *told += 1);
    }
}

#[cfg(not(unix))]
async fn listening(told: &watch::Sender<u32>) {
    while tokio::signal::ctrl_c().await.is_ok() {
        told.send_modify(|told| *told += 1);
    }
}

/// Commits once, and tells the consumer group how far it is.
pub(super) async fn commit(app: &Arc<Shared>) -> Result<()> {
    let Some(places) = app.state.commit().await? else { return Ok(()) };
    tracing::debug!(places = places.len(), "committed");
    if let Some(log) = app.log.get() {
        let moved: BTreeSet<(&str, u32)> = places.keys().filter_map(|key| parse_place(key)).collect();
        let offsets: Vec<_> =
            moved.into_iter().filter_map(|(source, partition)| offset(app, source, partition)).collect();
        log.commit(&offsets);
    }
    Ok(())
}

/// A position as the consumer group knows it: the least of the source's handlers.
fn offset(app: &Shared, source: &str, partition: u32) -> Option<GroupOffset> {
    let least = app.least_place(source, partition).ok().flatten()?;
    Some(GroupOffset { topic: app.topic_name(source), partition, offset: least })
}

struct Supervisor {
    app: Arc<Shared>,
    told: watch::Receiver<Orders>,
    /// When draining has lasted too long.
    deadline: Option<tokio::time::Instant>,
    idle: bool,
}

/// What happens next to an app.
enum Event {
    Ended(Result<()>),
    AllEnded,
    Told(Orders),
    Failed,
    TooLate,
}

impl Supervisor {
    async fn run(mut self, jobs: Vec<Job>, on_stop: Vec<Hook>) -> Result<()> {
        let mut lanes = JoinSet::new();
        for Job { name, future, .. } in jobs {
            lanes.spawn(async move { (name, future.await) });
        }
        let enough = Arc::new(Notify::new());
        let committer = tokio::spawn(committing(self.app.clone(), enough.clone()));
        let mut done: Result<()> = Ok(());
        // A record that was not delivered: what it belongs to can never be committed.
        let mut undelivered = false;
        loop {
            match self.next(&mut lanes).await {
                Event::AllEnded => break,
                Event::Ended(Ok(())) => {}
                Event::Ended(Err(error)) => {
                    tracing::error!(%error, "a lane has stopped; the app drains");
                    done = done.and(Err(error));
                    self.drain();
                }
                Event::Failed => {
                    undelivered = true;
                    done = done.and(self.app.take_failure().map_or(Ok(()), Err));
                    self.drain();
                }
                Event::Told(Orders::Abort) => {
                    lanes.abort_all();
                    committer.abort();
                    self.close().await;
                    return done.and(Err(Error::new(ErrorKind::Stopped, "the app was aborted")));
                }
                Event::Told(_) => self.drain(),
                Event::TooLate => {
                    lanes.abort_all();
                    let text = "draining took longer than `shutdown.timeout.ms`: what was under way is dropped, and \
                                will be taken again";
                    done = done.and(Err(Error::new(ErrorKind::Stopped, text)));
                    break;
                }
            }
        }
        if undelivered {
            committer.abort();
        } else {
            // A commit is not cut off in its middle: what it holds would be in neither this one nor the next.
            enough.notify_one();
            let ended = tokio::time::timeout(self.limit(), committer).await;
            // What ended well is kept, also when something else failed.
            let last = if ended.is_ok() { self.last_commit().await } else { Err(unacknowledged()) };
            done = done.and(last);
        }
        if done.is_ok() {
            done = self.stop_hooks(on_stop).await;
        }
        self.close().await;
        done
    }

    async fn next(&mut self, lanes: &mut JoinSet<(String, Result<()>)>) -> Event {
        let (deadline, idle) = (self.deadline, self.idle);
        let late = async move {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let draining = self.deadline.is_some();
        tokio::select! {
            biased;
            joined = lanes.join_next(), if !lanes.is_empty() => match joined {
                Some(Ok((name, ended))) => Event::Ended(ended.map_err(|error| named(&name, error))),
                Some(Err(error)) => Event::Ended(panicked(error)),
                None => Event::AllEnded,
            },
            () = self.app.failed.notified() => Event::Failed,
            told = self.told.changed() => match told {
                Ok(()) => Event::Told(*self.told.borrow_and_update()),
                Err(_) => Event::Told(Orders::Abort),
            },
            () = late => Event::TooLate,
            () = std::future::ready(()), if lanes.is_empty() && (draining || !idle) => Event::AllEnded,
        }
    }

    fn drain(&mut self) {
        self.app.gates.drain();
        let limit = self.limit();
        self.deadline.get_or_insert_with(|| tokio::time::Instant::now() + limit);
    }

    /// How long draining may take; preflight has checked the setting.
    fn limit(&self) -> Duration {
        self.app
            .config
            .millis("shutdown.timeout.ms", SHUTDOWN_MS)
            .unwrap_or(Duration::from_millis(SHUTDOWN_MS))
    }

    /// The commit of all that has ended; not waited for longer than a shutdown may take.
    async fn last_commit(&self) -> Result<()> {
        if let Some(log) = self.app.log.get() {
            log.flush();
        }
        tokio::select! {
            committed = commit(&self.app) => committed,
            () = self.app.failed.notified() => self.app.take_failure().map_or(Ok(()), Err),
            () = tokio::time::sleep(self.limit()) => Err(unacknowledged()),
        }
    }

    async fn stop_hooks(&self, hooks: Vec<Hook>) -> Result<()> {
        let inside = Current { app: self.app.clone(), step: None };
        for hook in hooks {
            let hooked =
                AssertUnwindSafe(scope::enter(inside.clone(), async { hook().await })).catch_unwind();
            hooked.await.unwrap_or_else(|panic| Err(Error::panicked("a hook of `on_stop`", &*panic)))?;
        }
        Ok(())
    }

    async fn close(&self) {
        let app = self.app.clone();
        let closed = blocking(move || {
            if let Some(log) = app.log.get() {
                log.close(CLOSING);
            }
            app.state.close()
        });
        if let Err(error) = closed.await {
            tracing::warn!(%error, "the app was not closed in order");
        }
    }
}

/// How long draining may take if no setting says so, in milliseconds.
const SHUTDOWN_MS: u64 = 30_000;

/// How long the log may take to say goodbye.
const CLOSING: Duration = Duration::from_secs(5);

/// How long the time between commits is if no setting says so, in milliseconds.
const INTERVAL_MS: u64 = 100;

fn unacknowledged() -> Error {
    let text = "the last outputs were not acknowledged within `shutdown.timeout.ms`: their messages will be taken again";
    Error::new(ErrorKind::Stopped, text)
}

async fn committing(app: Arc<Shared>, enough: Arc<Notify>) {
    let interval =
        app.config.millis("commit.interval.ms", INTERVAL_MS).unwrap_or(Duration::from_millis(INTERVAL_MS));
    loop {
        // While there is nothing to commit nobody sleeps, so that a clock moved by hand need not stop here.
        tokio::select! {
            () = app.state.dirty() => {}
            () = enough.notified() => return,
        }
        tokio::select! {
            () = app.clock.sleep(interval) => {}
            () = app.state.wanted.notified() => {}
            () = enough.notified() => return,
        }
        if let Err(error) = commit(&app).await {
            app.fail(error);
            return;
        }
    }
}

fn named(name: &str, error: Error) -> Error {
    match error.kind() {
        ErrorKind::Stopped | ErrorKind::Log => error,
        kind if kind.is_of_store() => error,
        kind => Error::caused(kind, format!("`{name}`: {error}"), error),
    }
}

/// A lane panicked outside of a handler's call: in a source or in a pipe, which cannot be asked again.
fn panicked(error: tokio::task::JoinError) -> Result<()> {
    match error.try_into_panic() {
        Ok(panic) => Err(Error::panicked("a source or a pipe", &*panic)),
        Err(_) => Ok(()), // aborted, as ordered
    }
}
