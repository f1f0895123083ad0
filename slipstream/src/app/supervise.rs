//! Watches over a running app: commits, and ends it in order — stop the sources, drain the lanes, commit, close.

use super::Hook;
use super::job::{Job, blocking, caught};
use crate::error::{Error, ErrorKind, Result};
use crate::log::{GroupOffset, Mark};
use crate::scope::{self, Current, Shared};
use crate::steps::parse_place;
use futures_util::FutureExt as _;
use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

/// What an app is told; later ones are sterner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Orders {
    Run,
    Drain,
    Abort,
}

/// How an app has ended.
pub(super) struct Ended {
    pub(super) done: std::result::Result<(), Arc<Error>>,
    /// Whether what is written from outside may still be committed.
    pub(super) commits: bool,
}

/// That of an app, once it has ended.
pub(super) type Outcome = Option<Ended>;

/// Starts the lanes, and the task that watches over them.
pub(super) fn spawn(
    app: Arc<Shared>,
    jobs: Vec<Job>,
    on_stop: Vec<Hook>,
    idle: bool,
) -> (watch::Sender<Orders>, watch::Receiver<Outcome>) {
    let (orders, told) = watch::channel(Orders::Run);
    let (ended, outcome) = watch::channel(None);
    let mut supervisor = Supervisor { app, told, deadline: None, idle, done: Ok(()), commits: true };
    tokio::spawn(async move {
        let done = supervisor.run(jobs, on_stop).await.map_err(Arc::new);
        let commits = supervisor.commits;
        // Before anybody hears of the end: the state can be opened again when `Running` is dropped.
        drop(supervisor);
        // Nobody waits for the end of an app that was dropped.
        let _ = ended.send(Some(Ended { done, commits }));
    });
    (orders, outcome)
}

/// Commits once, and tells the consumer group how far it is.
pub(super) async fn commit(app: &Arc<Shared>) -> Result<()> {
    let Some((places, by)) = app.state.commit(|cut| app.hurry(cut)).await? else { return Ok(()) };
    tracing::debug!(places = places.len(), "committed");
    if let Some(log) = app.log.get() {
        let moved: BTreeSet<(&str, u32)> = places.keys().filter_map(|key| parse_place(key)).collect();
        let offsets: Vec<_> =
            moved.into_iter().filter_map(|(source, partition)| offset(app, source, partition, by)).collect();
        log.commit(&offsets);
    }
    Ok(())
}

/// Commits what was written when the app had ended, if anything was. It blocks, on a thread of its own: this is called
/// where nothing can be waited for.
pub(super) fn commit_at_last(app: &Arc<Shared>) {
    if app.state.dirty().now_or_never().is_none() {
        return;
    }
    let run = || match tokio::runtime::Builder::new_current_thread().enable_time().build() {
        Ok(runtime) => runtime.block_on(commit(app)),
        Err(error) => Err(error.into()),
    };
    let done = std::thread::scope(|scope| scope.spawn(run).join());
    if let Ok(Err(error)) = done {
        tracing::error!(%error, "what was written after the app's end is not committed");
    }
}

/// A position as the consumer group knows it: the least of the source's handlers.
fn offset(app: &Shared, source: &str, partition: u32, by: Mark) -> Option<GroupOffset> {
    // Not as it is by now: what is not committed may be gone at the next start, and who has no position then begins here.
    let least = app.least_committed(source, partition).ok().flatten()?;
    Some(GroupOffset { topic: app.topic_name(source), partition, offset: least, by: Some(by) })
}

struct Supervisor {
    app: Arc<Shared>,
    told: watch::Receiver<Orders>,
    /// When draining has lasted too long.
    deadline: Option<Instant>,
    idle: bool,
    done: Result<()>,
    /// Whether what has ended may be committed: not if a record was not delivered, nor after an abort.
    commits: bool,
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
    async fn run(&mut self, jobs: Vec<Job>, on_stop: Vec<Hook>) -> Result<()> {
        let mut lanes = JoinSet::new();
        for Job { name, future, .. } in jobs {
            lanes.spawn(async move {
                // In a source or in a pipe, which cannot be asked again: a call's panic does not come as far as here.
                caught("a source or a pipe", future).await.map_err(|error| named(&name, error))
            });
        }
        let enough = Arc::new(Notify::new());
        let committer = tokio::spawn(committing(self.app.clone(), enough.clone()));
        let cut_off = committer.abort_handle();
        self.watch(&mut lanes, false).await;
        if self.commits {
            self.idle = false;
            let hooks = if self.done.is_ok() { on_stop } else { Vec::new() };
            let last = finish(self.app.clone(), self.limit(), committer, enough, hooks);
            lanes.spawn(caught("the end of the app", last));
            self.watch(&mut lanes, true).await;
        }
        cut_off.abort();
        self.close().await;
        std::mem::replace(&mut self.done, Ok(()))
    }

    /// Watches over tasks until all have ended, or are dropped. The last are those that come after the lanes: without
    /// them nothing is left to drain for.
    async fn watch(&mut self, tasks: &mut JoinSet<Result<()>>, last: bool) {
        loop {
            match self.next(tasks).await {
                Event::AllEnded => return,
                Event::Ended(Ok(())) => {}
                Event::Ended(Err(error)) => {
                    if !last {
                        tracing::error!(%error, "a lane has stopped; the app drains");
                    }
                    self.fail(error);
                    self.drain();
                }
                Event::Failed => {
                    // What an undelivered record belongs to can never be committed.
                    self.commits = false;
                    if let Some(error) = self.app.take_failure() {
                        self.fail(error);
                    }
                    self.drain();
                    if last {
                        return tasks.abort_all();
                    }
                }
                Event::Told(Orders::Abort) => {
                    self.commits = false;
                    self.fail(Error::new(ErrorKind::Stopped, "the app was aborted"));
                    return aborted(tasks).await;
                }
                Event::Told(_) => self.drain(),
                Event::TooLate => {
                    let text = match last {
                        false => "what was under way is dropped, and will be taken again",
                        true => "the last commit, or a hook of `on_stop`, had not ended",
                    };
                    let text = format!("draining took longer than `shutdown.timeout.ms`: {text}");
                    self.commits &= !last;
                    self.fail(Error::new(ErrorKind::Stopped, text));
                    // What ended well is committed all the same, and that has a limit of its own.
                    self.deadline = None;
                    return aborted(tasks).await;
                }
            }
        }
    }

    /// The first error counts.
    fn fail(&mut self, error: Error) {
        if self.done.is_ok() {
            self.done = Err(error);
        }
    }

    async fn next(&mut self, tasks: &mut JoinSet<Result<()>>) -> Event {
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
            joined = tasks.join_next(), if !tasks.is_empty() => match joined {
                Some(Ok(ended)) => Event::Ended(ended),
                // Aborted, as ordered: panics are caught within.
                Some(Err(_)) => Event::Ended(Ok(())),
                None => Event::AllEnded,
            },
            () = self.app.failed.notified() => Event::Failed,
            told = self.told.changed() => match told {
                Ok(()) => Event::Told(*self.told.borrow_and_update()),
                Err(_) => Event::Told(Orders::Abort),
            },
            () = late => Event::TooLate,
            () = std::future::ready(()), if tasks.is_empty() && (draining || !idle) => Event::AllEnded,
        }
    }

    fn drain(&mut self) {
        self.app.gates.drain();
        let limit = self.limit();
        self.deadline.get_or_insert_with(|| Instant::now() + limit);
    }

    /// How long draining may take; preflight has checked the setting.
    fn limit(&self) -> Duration {
        self.app
            .config
            .millis("shutdown.timeout.ms", SHUTDOWN_MS)
            .unwrap_or(Duration::from_millis(SHUTDOWN_MS))
    }

    async fn close(&self) {
        aborted(&mut self.app.dismiss()).await;
        let app = self.app.clone();
        let closed = blocking(move || {
            if let Some(log) = app.log.get() {
                log.close(CLOSING);
            }
            app.state.close();
            Ok(())
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

/// How long what was aborted may take to come to its next wait.
const LETTING_GO: Duration = Duration::from_millis(500);

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

/// What is left when the lanes have ended: a commit of what ended well, also when something else failed; then the
/// hooks, and a commit of what they wrote.
async fn finish(
    app: Arc<Shared>,
    limit: Duration,
    committer: JoinHandle<()>,
    enough: Arc<Notify>,
    hooks: Vec<Hook>,
) -> Result<()> {
    // A commit is not cut off in its middle: what it holds would be in neither this one nor the next.
    enough.notify_one();
    let ended = async {
        // It does not fail, except where the app has.
        let _ = committer.await;
        last_commit(&app).await
    };
    in_time(limit, ended).await?;
    if hooks.is_empty() {
        return Ok(());
    }
    let mut done = Ok(());
    for hook in hooks {
        let inside = Current { app: app.clone(), step: None };
        let hooked = caught("a hook of `on_stop`", scope::enter(inside, async { hook().await })).await;
        // The others run all the same: what they let go of is not that one's.
        match hooked {
            Err(error) if done.is_ok() => done = Err(error),
            Err(error) => tracing::error!(%error, "one more hook has failed"),
            Ok(()) => {}
        }
    }
    let committed = in_time(limit, last_commit(&app)).await;
    done.and(committed)
}

async fn last_commit(app: &Arc<Shared>) -> Result<()> {
    if let Some(log) = app.log.get() {
        log.flush();
    }
    commit(app).await
}

async fn in_time(limit: Duration, commit: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::time::timeout(limit, commit).await.unwrap_or_else(|_| {
        let text = "the last outputs were not acknowledged within `shutdown.timeout.ms`: their messages will be taken \
                    again";
        Err(Error::new(ErrorKind::Stopped, text))
    })
}

/// Drops what still runs, and waits until it has let go; but not for what blocks its thread.
async fn aborted<T: 'static>(tasks: &mut JoinSet<T>) {
    tasks.abort_all();
    let all = async { while tasks.join_next().await.is_some() {} };
    // What blocks is left to its thread.
    let _ = tokio::time::timeout(LETTING_GO, all).await;
    tasks.detach_all();
}
