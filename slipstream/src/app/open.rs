//! Starts an app: opens the store and the log, finds every position, and only then lets messages flow.

use super::heard::hears;
use super::job::{Job, blocking, caught, unwound};
use super::lanes::Plan;
use super::{App, Running, asked, preflight, supervise};
use crate::config::Config;
use crate::error::{Error, ErrorKind, Result};
use crate::log::{Known, Log, Position, Subscription, memory::MemoryLog};
use crate::needs::{Need, Prepare};
use crate::scope::{self, Current, EndOf, Shared};
use crate::source::{Opening, Positions, Until};
use crate::step::Resumes;
use crate::steps::State;
#[cfg(feature = "sled")]
use crate::store::StoreOptions;
use crate::store::{Budget, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use tokio::sync::{mpsc, watch};

/// How many batches of a topic wait for its lane.
const BATCHES: usize = 4;

pub(super) async fn start(mut app: App) -> Result<Running> {
    let plan = preflight::plan(&app);
    if let Some(question) = asked::question() {
        return asked::answer(question, app, plan).await;
    }
    preflight::check(&app, &plan)?;
    let topics = plan.needs.topics();
    // An app that keeps nothing leaves no trace; one that does finds out before its first message that it cannot.
    let keeps = keeps(&plan);
    let given = (app.store.take(), app.log.take());
    let (store, log, temporary) = blocking({
        let config = app.config.clone();
        move || open(&config, given, &topics, keeps)
    })
    .await
    .map_err(not_started)?;
    let budget = Budget::of(&app.config).unwrap_or_default(); // preflight has checked it
    let state = State::open(store, budget).map_err(not_started)?;
    let shared = Shared::new(app.config, app.clock, state, app.states);
    if let Some(log) = log {
        // It was just made: nobody else can have set it.
        let _ = shared.log.set(log);
    }
    shared.announce();
    let mut given_up = GivenUp(Some(&shared));
    let started = begin(&shared, plan, app.on_start, app.on_stop, app.idle, temporary).await;
    given_up.0 = None;
    if started.is_err() {
        shared.retire();
        if let Some(log) = shared.log.get().cloned() {
            let _ = blocking(move || {
                log.close(std::time::Duration::from_secs(1));
                Ok(())
            })
            .await;
        }
    }
    started
}

/// Whether there is anything to keep.
pub(super) fn keeps(plan: &Plan) -> bool {
    plan.lanes.iter().any(|lane| lane.has_positions())
        || plan.needs.all.iter().any(|(_, need)| matches!(need, Need::Cache(_)))
}

/// A start that is dropped: it may wait for a broker that never comes.
struct GivenUp<'a>(Option<&'a Arc<Shared>>);

impl Drop for GivenUp<'_> {
    fn drop(&mut self) {
        let Some(shared) = self.0 else { return };
        shared.retire();
        if let Some(log) = shared.log.get() {
            log.close(std::time::Duration::ZERO);
        }
    }
}

async fn begin(
    shared: &Arc<Shared>,
    plan: Plan,
    on_start: Vec<super::Hook>,
    on_stop: Vec<super::Hook>,
    idle: bool,
    temporary: Option<tempfile::TempDir>,
) -> Result<Running> {
    prepare(shared, &plan, true).await?;
    let inside = Current { app: shared.clone(), step: None };
    for hook in on_start {
        let hooked =
            caught("a hook of `on_start`", scope::enter(inside.clone(), async { hook().await })).await;
        // Nothing has been taken yet: whatever it was, the app cannot run.
        hooked.map_err(|error| Error::caused(ErrorKind::Preflight, error.to_string(), error))?;
    }
    // A call may have to be made again only where something else may change what it read.
    let several = plan.lanes.len() + plan.merges.len() > 1;
    for about in &plan.abouts {
        if several || plan.needs.all.iter().any(|(_, need)| matches!(need, Need::Cache(_))) {
            about.may_repeat.store(true, Relaxed);
        }
    }
    let jobs = open_lanes(shared, plan).await?;
    hold_while_stalled(shared);
    let (orders, outcome) = supervise::spawn(shared.clone(), jobs, on_stop, idle);
    Ok(Running { app: shared.clone(), orders, outcome, _temporary: temporary })
}

type Opened = (Arc<Store>, Option<Arc<dyn Log>>, Option<tempfile::TempDir>);

/// A state that cannot be opened, as one that is in use, is a reason not to start.
pub(super) fn not_started(error: Error) -> Error {
    match error.kind() {
        ErrorKind::Store => Error::caused(ErrorKind::Preflight, error.to_string(), error),
        _ => error,
    }
}

fn open(
    config: &Config,
    given: (Option<Arc<Store>>, Option<Arc<dyn Log>>),
    topics: &BTreeSet<&str>,
    keeps: bool,
) -> Result<Opened> {
    let in_memory = given.1.is_none() && topics_are_in_memory(config, topics);
    let temporary = match &given.0 {
        None if in_memory => Some(temporary_directory(config)?),
        _ => None,
    };
    if in_memory {
        tracing::info!(
            "topics are in memory: their records, the positions in them and the caches end with this process"
        );
    }
    let log = log(config, given.1, topics)?;
    let store = match (given.0, &temporary) {
        (Some(store), _) => store,
        (None, Some(directory)) => on_disk(config, directory.path())?,
        (None, None) if config.get("state.dir") == Some("memory") => Arc::new(Store::in_memory()),
        (None, None) if keeps => on_disk(config, &directory(config))?,
        (None, None) => lazily(config),
    };
    Ok((store, log, temporary))
}

fn topics_are_in_memory(config: &Config, topics: &BTreeSet<&str>) -> bool {
    !topics.is_empty() && config.get("kafka.bootstrap.servers") == Some("memory")
}

/// Whether what is kept outlives the process.
pub(super) fn keeps_on_disk(config: &Config, topics: &BTreeSet<&str>) -> bool {
    cfg!(feature = "sled")
        && !topics_are_in_memory(config, topics)
        && config.get("state.dir") != Some("memory")
}

/// Where an app's state lies.
pub(super) fn directory(config: &Config) -> std::path::PathBuf {
    config.state_dir().join(config.app_id())
}

/// The log, if there are topics, or one is set.
pub(super) fn log(
    config: &Config,
    given: Option<Arc<dyn Log>>,
    topics: &BTreeSet<&str>,
) -> Result<Option<Arc<dyn Log>>> {
    // Also where no handler names a topic: one may send to it all the same, and so may who is outside.
    let can_connect = |servers: &&str| *servers == "memory" || cfg!(feature = "kafka");
    let servers =
        config.get("kafka.bootstrap.servers").filter(|servers| !topics.is_empty() || can_connect(servers));
    Ok(match (given, servers) {
        (Some(log), _) => Some(log),
        (None, Some("memory")) => Some(Arc::new(MemoryLog::new(1))),
        (None, Some(_)) => Some(connect(config, topics)?),
        (None, None) => None,
    })
}

fn temporary_directory(config: &Config) -> Result<tempfile::TempDir> {
    let prefix = format!("slipstream-{}-", config.app_id());
    tempfile::Builder::new().prefix(&prefix).tempdir().map_err(|error| {
        Error::caused(ErrorKind::Store, "a temporary directory for the state cannot be made", error)
    })
}

#[cfg(feature = "kafka")]
fn connect(config: &Config, topics: &BTreeSet<&str>) -> Result<Arc<dyn Log>> {
    let of_topic = |name: &&str| {
        let mut own = config.below(&format!("topic.{name}."));
        // What is another topic's, whose name begins with this one's.
        let others = topics.iter().filter_map(|other| other.strip_prefix(name)?.strip_prefix('.'));
        let others: Vec<String> = others.map(|rest| format!("{rest}.")).collect();
        own.retain(|key, _| !others.iter().any(|other| key.starts_with(other)));
        let on_broker = own.remove("name").unwrap_or_else(|| (*name).to_owned());
        own.retain(|key, _| !["create.partitions", "dry"].contains(&&**key)); // which the topic itself has read
        (on_broker, own)
    };
    let settings = topics.iter().map(of_topic).collect();
    match crate::log::kafka::KafkaLog::connect(config.below("kafka."), settings) {
        Ok(log) => Ok(Arc::new(log)),
        Err(error) => {
            // It names the setting as librdkafka does, and knows nothing of layers.
            let text = error.to_string();
            let key = text.split('`').nth(1).unwrap_or_default();
            let of_topics = topics.iter().map(|topic| config.place(&format!("topic.{topic}.{key}")));
            let of_all = std::iter::once(config.place(&format!("kafka.{key}")));
            let is_of_topic = text.contains("` of the topic `");
            let places: Vec<String> = if is_of_topic { of_topics.collect() } else { of_all.collect() };
            let place = places.into_iter().find(|place| !place.is_empty()).unwrap_or_default();
            Err(Error::caused(error.kind(), format!("{text}{place}"), error))
        }
    }
}

#[cfg(not(feature = "kafka"))]
fn connect(_: &Config, _: &BTreeSet<&str>) -> Result<Arc<dyn Log>> {
    Err(Error::new(ErrorKind::Preflight, "slipstream was built without the feature `kafka`"))
}

#[cfg(feature = "sled")]
fn on_disk(config: &Config, path: &std::path::Path) -> Result<Arc<Store>> {
    Ok(Arc::new(Store::open(StoreOptions::of(config, path.to_owned()))?))
}

#[cfg(not(feature = "sled"))]
fn on_disk(_: &Config, _: &std::path::Path) -> Result<Arc<Store>> {
    Ok(Arc::new(Store::in_memory()))
}

/// The state directory of the app: made when there is first something to keep.
#[cfg(feature = "sled")]
fn lazily(config: &Config) -> Arc<Store> {
    Arc::new(Store::lazy(StoreOptions::of(config, directory(config))))
}

#[cfg(not(feature = "sled"))]
fn lazily(_: &Config) -> Arc<Store> {
    Arc::new(Store::in_memory())
}

/// Makes sure that the topics are there, and lets caches begin if they are to; all that is wrong with them in one report.
///
/// The plan is not borrowed while it waits: it goes from thread to thread, and is not shared between them.
pub(super) fn prepare(
    shared: &Arc<Shared>,
    plan: &Plan,
    begins: bool,
) -> impl Future<Output = Result<()>> + Send + use<> {
    let needs = plan.needs.all.iter().filter_map(|(place, need)| match need {
        Need::Topic(named) => Some((place.clone(), named.prepare.clone()?)),
        Need::Cache(named) if begins => Some((place.clone(), named.prepare.clone()?)),
        _ => None,
    });
    let all: Vec<_> = needs.chain(super::bindings::ready(plan)).collect();
    let app = shared.clone();
    blocking(move || {
        // Side by side: if the broker does not answer, that is waited for once.
        let found = std::thread::scope(|scope| {
            let ask =
                |(place, prepare): &(String, Prepare)| Some(format!("{place}: {}", prepare(&app).err()?));
            let asked: Vec<_> = all.iter().map(|one| scope.spawn(move || ask(one))).collect();
            asked.into_iter().filter_map(|asked| asked.join().ok().flatten()).collect::<BTreeSet<String>>()
        });
        preflight::report(&found.into_iter().collect::<Vec<_>>())
    })
}

/// Those who wait for the end of jobs, by the number of the static that they read.
type Writers = BTreeMap<usize, Waiting>;

/// A topic that is read to its end, or a channel.
struct Waiting {
    is_channel: bool,
    /// How many of those jobs have not ended.
    left: watch::Sender<usize>,
}

impl Waiting {
    fn new(is_channel: bool) -> Self {
        Waiting { is_channel, left: watch::channel(0).0 }
    }
}

async fn open_lanes(shared: &Arc<Shared>, plan: Plan) -> Result<Vec<Job>> {
    let mut subscriptions = Vec::new();
    let mut writers = Writers::new();
    let mut jobs = Vec::new();
    let mut fed = BTreeSet::new();
    let downstream = Downstream::of(&plan);
    // They are told of by name and place.
    let caches = plan.needs.all.iter().filter(|(_, need)| matches!(need, Need::Cache(_)));
    let keepers: Vec<String> = caches.map(|(who, _)| who.clone()).collect();
    let keeps = |place: &str| keepers.iter().any(|who| who.ends_with(&format!(" at {place}")));
    for lane in plan.lanes {
        let name: Arc<str> = lane.name().into();
        let mut topic = None;
        if let Some(used) = lane.topic().cloned() {
            let readers = lane.readers();
            same_lanes(shared, &name, &readers)?;
            shared.reads(&name, readers);
            let on_broker = shared.topic_name(used.named.name);
            let (deliver, deliveries) = mpsc::channel(BATCHES);
            subscriptions.push(Subscription {
                topic: on_broker.clone(),
                origin: used.origin,
                position: position(shared, &name),
                hears: hears(shared, &name, lane.members().iter().any(|(_, place)| keeps(place))),
                deliver,
            });
            let until: Until = used.until_end.then(|| {
                let slot = used.named.slot;
                let waits_for = writers.entry(slot).or_insert_with(|| Waiting::new(false)).left.subscribe();
                ends(shared.clone(), on_broker, waits_for)
            });
            topic = Some((deliveries, until));
        }
        let readers = lane.readers();
        let (mut resumes, mut waits_for) = (None, None);
        match lane.positions() {
            Positions::Own => {
                same_lanes(shared, &name, &readers)?;
                resumes = Some(Arc::new(Resumes::find(shared, &name, readers.clone())?));
            }
            Positions::Queue(queue) => {
                same_lanes(shared, &name, &readers)?;
                let waiting = writers.entry(queue.named.slot).or_insert_with(|| Waiting::new(true));
                waits_for = Some(waiting.left.subscribe());
                fed.insert(name.to_string());
                fed.extend(lane.members().into_iter().map(|(member, _)| member));
            }
            Positions::None | Positions::Topic(_) => {}
        }
        let topic = Mutex::new(topic);
        let (app, assigned) = (shared.clone(), watch::channel(None).0);
        let opening = Opening { app, name, topic, assigned, resumes, readers, roots: waits_for };
        let what = format!("the source `{}`, or a pipe behind it,", opening.name);
        jobs.extend(unwound(&what, || lane.open(&opening))?);
    }
    for (name, merge) in plan.merges {
        jobs.push(unwound(&format!("a pipe of `{name}`"), || Ok(merge(shared)))?);
    }
    for about in &plan.abouts {
        let fills = about.writes.iter().filter(|channel| !downstream.reaches(**channel, false, &about.name));
        // It is set once, here.
        let _ = about.fills.set(fills.filter_map(|channel| shared.queue(*channel)).collect());
    }
    let jobs = jobs.into_iter().map(|job| counted(shared, job, &writers, &fed, &downstream)).collect();
    if !subscriptions.is_empty() {
        let (log, group) = (shared.log()?.clone(), shared.id.clone());
        blocking(move || log.subscribe(&group, subscriptions)).await?;
    }
    Ok(jobs)
}

/// While what was sent is not delivered, as without a broker, nothing more is taken that would be sent or kept as well.
fn hold_while_stalled(shared: &Arc<Shared>) {
    const REASON: &str = "slipstream/undelivered";
    let Some(log) = shared.log.get() else { return };
    let app = Arc::downgrade(shared);
    log.on_stall(Box::new(move |stalls| {
        let Some(app) = app.upgrade() else { return };
        match stalls {
            true => tracing::warn!("records are not delivered: the sources are paused until they are"),
            false => tracing::info!("records are delivered again: the sources go on"),
        }
        app.gates.hold_all(REASON, stalls);
    }));
}

/// Positions of another number of lanes are of other keys: they cannot be taken over.
fn same_lanes(shared: &Shared, source: &str, readers: &[String]) -> Result<()> {
    for reader in readers {
        let handler = reader.split('#').next().unwrap_or(reader);
        for stored in shared.state.places_named(&format!("{source}/{handler}"))? {
            let kept = stored.split('/').nth(1).unwrap_or_default();
            if kept.split('#').next() == Some(handler) && !readers.iter().any(|now| now == kept) {
                let text = format!(
                    "the `concurrency` of `{handler}` was changed, and its positions in `{source}` are kept for \
                     `{kept}`: run it with the old number, or give the handler another `name`"
                );
                return Err(Error::new(ErrorKind::Preflight, text));
            }
        }
    }
    Ok(())
}

/// Where a topic is read from: the least of its handlers' positions, if all of them have one.
fn position(shared: &Arc<Shared>, source: &str) -> Position {
    let (shared, source) = (Arc::downgrade(shared), source.to_owned());
    Arc::new(move |partition| {
        let Some(shared) = shared.upgrade() else { return Known::default() };
        // In this order: if a seek comes between, what is read is taken for older than it is, and comes again.
        let epoch = shared.epoch(&source, partition);
        let offset = shared.least_place(&source, partition).unwrap_or_else(|error| {
            shared.fail(error);
            None
        });
        Known { offset, epoch }
    })
}

/// The end offsets of a topic, as soon as those who write to it have ended.
fn ends(
    shared: Arc<Shared>,
    topic: Arc<str>,
    mut writers: watch::Receiver<usize>,
) -> std::pin::Pin<Box<dyn Future<Output = Result<Vec<i64>>> + Send>> {
    Box::pin(async move {
        // An error means that the app is gone; then nobody waits for this either.
        let _ = writers.wait_for(|left| *left == 0).await;
        let log = shared.log()?.clone();
        while log.in_flight() > 0 {
            log.flush();
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        blocking(move || log.ends(&topic)).await
    })
}

/// Tells those who wait for this job when it has ended: who read a topic to its end that it writes to; and every channel, if
/// it is fed by none.
fn counted(
    shared: &Arc<Shared>,
    job: Job,
    writers: &Writers,
    fed: &BTreeSet<String>,
    downstream: &Downstream,
) -> Job {
    let Job { name, is_source, future, writes } = job;
    let is_fed = fed.contains(&name);
    let counted: Vec<_> = writers
        .iter()
        .filter(|(slot, waiting)| if waiting.is_channel { !is_fed } else { writes.contains(slot) })
        // Who reads it, directly or not, cannot be waited for by it.
        .filter(|(slot, _)| !downstream.reaches(**slot, is_source, &name))
        .map(|(_, waiting)| waiting.left.clone())
        .collect();
    counted.iter().for_each(|left| left.send_modify(|left| *left += 1));
    let (app, ended) = (Arc::downgrade(shared), name.clone());
    let future = Box::pin(async move {
        let done = future.await;
        if let (Ok(()), Some(app)) = (&done, app.upgrade())
            && !app.gates.is_draining()
        {
            app.ended(if is_source { EndOf::Source(&ended) } else { EndOf::Handler(&ended) });
        }
        counted.iter().for_each(|left| left.send_modify(|left| *left -= 1));
        done
    });
    Job { name, is_source, future, writes }
}

/// Which handlers a topic's records reach, through handlers and the topics that they write to.
struct Downstream(BTreeMap<usize, BTreeSet<(bool, String)>>);

impl Downstream {
    fn of(plan: &Plan) -> Self {
        // Named after a source or after a handler: a topic may be called as a handler is.
        let reads: Vec<(usize, BTreeSet<(bool, String)>, Vec<usize>)> = plan
            .lanes
            .iter()
            .filter_map(|lane| {
                let mut jobs: BTreeSet<_> =
                    lane.members().into_iter().map(|(name, _)| (false, name)).collect();
                jobs.insert((true, lane.name().to_owned()));
                Some((lane.reads()?, jobs, lane.writes()))
            })
            .collect();
        let mut reached = BTreeMap::new();
        for (start, ..) in &reads {
            let (mut topics, mut jobs, mut next) = (BTreeSet::new(), BTreeSet::new(), vec![*start]);
            while let Some(topic) = next.pop() {
                if !topics.insert(topic) {
                    continue;
                }
                for (_, members, writes) in reads.iter().filter(|(read, ..)| *read == topic) {
                    jobs.extend(members.iter().cloned());
                    next.extend(writes);
                }
            }
            reached.insert(*start, jobs);
        }
        Downstream(reached)
    }

    fn reaches(&self, topic: usize, is_source: bool, job: &str) -> bool {
        self.0.get(&topic).is_some_and(|jobs| jobs.contains(&(is_source, job.to_owned())))
    }
}
