//! The app: which handlers run, what they are given, and where their lanes come from.
//!
//! `run()` is sugar over this: everything that it does can be said with an [`App`].

mod asked;
mod bindings;
mod check;
mod heard;
mod job;
mod lanes;
mod open;
mod plan;
mod preflight;
mod registry;
mod running;
mod signals;
mod supervise;
mod wiring;

pub(crate) use asked::{Question, ask};
pub(crate) use plan::Format;
pub use registry::{Entry, id_of};
pub use running::Running;
pub use wiring::{Merge, Wiring};

use crate::clock::Clock;
use crate::config::Config;
use crate::error::{Error, ErrorKind, Result};
use crate::log::Log;
use crate::store::Store;
use signals::Signals;
use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// A hook, as given by `on_start` and `on_stop`.
type Hook = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = Result<()>> + Send>> + Send>;

/// The explicit core: handlers, values, settings and hooks, put together by hand.
///
/// ```
/// # slipstream::doc_test(async {
/// use slipstream::prelude::*;
/// use slipstream::testing;
///
/// #[handle(source = 1..4_u32, sink = [print])]
/// fn double(n: u32) -> u32 {
///     n * 2
/// }
///
/// testing::app().handler(double).run().await
/// # });
/// ```
pub struct App {
    entries: Vec<&'static Entry>,
    /// Fns that were given as handlers and carry no `#[handle]`.
    strangers: Vec<&'static str>,
    /// Names given to `only` that no handler has.
    misspelt: Vec<String>,
    /// Whether `only` was used.
    chosen: bool,
    states: HashMap<TypeId, Arc<dyn Any + Send + Sync>>,
    config: Config,
    clock: Clock,
    store: Option<Arc<Store>>,
    log: Option<Arc<dyn Log>>,
    on_start: Vec<Hook>,
    on_stop: Vec<Hook>,
    idle: bool,
}

impl Default for App {
    fn default() -> Self {
        App::new()
    }
}

impl App {
    /// An app without handlers, that reads no settings of the process.
    ///
    /// ```
    /// # slipstream::doc_test(async {
    /// use slipstream::prelude::*;
    ///
    /// #[handle(source = 0..3_u32)]
    /// fn look(_n: u32) {}
    ///
    /// App::new().handler(look).config(Config::new().set("state.dir", "memory")).run().await
    /// # });
    /// ```
    pub fn new() -> Self {
        App {
            entries: Vec::new(),
            strangers: Vec::new(),
            misspelt: Vec::new(),
            chosen: false,
            states: HashMap::new(),
            config: Config::new(),
            clock: Clock::system(),
            store: None,
            log: None,
            on_start: Vec::new(),
            on_stop: Vec::new(),
            idle: false,
        }
    }

    /// An app of all handlers that are linked into this binary, with the settings that the process was given.
    ///
    /// ```
    /// let app = slipstream::App::collected();
    /// ```
    pub fn collected() -> Self {
        App { entries: registry::collected(), ..App::new() }.config(Config::of_process())
    }

    /// Adds a handler, by its annotated fn.
    #[must_use]
    pub fn handler<F: 'static>(mut self, _: F) -> Self {
        match registry::find(TypeId::of::<F>()) {
            Some(entry) => self.entries.push(entry),
            None => self.strangers.push(std::any::type_name::<F>()),
        }
        self
    }

    /// Keeps only the handlers of these names, as their fns are called.
    ///
    /// ```
    /// let app = slipstream::App::collected().only(["count"]);
    /// ```
    #[must_use]
    pub fn only<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.chosen = true;
        let names: Vec<&str> = names.into_iter().collect();
        let has = |name: &str| self.entries.iter().any(|entry| entry.name == name);
        let missing = names.iter().filter(|name| !has(name)).map(|name| (*name).to_owned());
        self.misspelt.extend(missing.collect::<Vec<_>>());
        self.entries.retain(|entry| names.contains(&entry.name));
        self
    }

    /// Gives a value to the handlers that take it as `State<T>`.
    ///
    /// ```
    /// # slipstream::doc_test(async {
    /// use slipstream::prelude::*;
    ///
    /// #[handle(source = 0..3_u32, sink = [print])]
    /// fn scale(n: u32, factor: State<u32>) -> u32 {
    ///     n * *factor
    /// }
    ///
    /// slipstream::testing::app().handler(scale).state(10_u32).run().await
    /// # });
    /// ```
    #[must_use]
    pub fn state<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.states.insert(TypeId::of::<T>(), Arc::new(value));
        self
    }

    /// Adds settings; what the process was given stays above.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config.merge(config);
        self
    }

    /// Runs by this clock; [`advance`](Running::advance) has an example.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    pub(crate) fn store(mut self, store: Arc<Store>) -> Self {
        self.store = Some(store);
        self
    }

    pub(crate) fn log(mut self, log: Arc<dyn Log>) -> Self {
        self.log = Some(log);
        self
    }

    /// Runs before the first message is taken, when caches and topics can be used. If it fails, the app cannot run:
    /// that is a preflight error, and exit code 2.
    ///
    /// ```
    /// # slipstream::doc_test(async {
    /// use slipstream::prelude::*;
    /// use slipstream::testing;
    /// static LIMITS: Cache<String, u64> = Cache::new("limits");
    ///
    /// async fn prepare() -> Result<()> {
    ///     LIMITS.put("low", &3)
    /// }
    ///
    /// let app = testing::app().on_start(prepare).start_idle().await?;
    /// assert_eq!(app.enter(|| LIMITS.get("low"))?, Some(3));
    /// # Ok(()) });
    /// ```
    #[must_use]
    pub fn on_start<F, Fut>(mut self, hook: F) -> Self
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.on_start.push(hooked("on_start", hook));
        self
    }

    /// Runs when all handlers have ended well, and what they wrote is committed. What it writes into caches is committed
    /// after it; the topics take nothing any more once it has ended. A drain's `shutdown.timeout.ms` holds for it too.
    /// Several run one after another, as they were given, also when one fails; the first error is the app's.
    ///
    /// ```
    /// # slipstream::doc_test(async {
    /// use slipstream::prelude::*;
    /// use slipstream::testing;
    ///
    /// #[handle(source = 0..3_u32)]
    /// fn look(_n: u32) {}
    ///
    /// testing::app().handler(look).on_stop(async || { println!("done"); Ok(()) }).run().await
    /// # });
    /// ```
    #[must_use]
    pub fn on_stop<F, Fut>(mut self, hook: F) -> Self
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.on_stop.push(hooked("on_stop", hook));
        self
    }

    /// Checks the wiring, opens what it needs, and starts the lanes.
    ///
    /// # Errors
    /// All problems of the wiring in one; or what could not be opened.
    ///
    /// # Cancel safety
    /// An app whose start is dropped has not taken a message.
    pub async fn start(self) -> Result<Running> {
        open::start(self).await
    }

    /// Starts without handlers, for a program that only reads caches or sends records; it runs until it is stopped.
    ///
    /// ```
    /// # slipstream::doc_test(async {
    /// use slipstream::prelude::*;
    /// static WORDS: Topic<String, u64> = Topic::new("words");
    ///
    /// let app = slipstream::testing::app().start_idle().await?;
    /// app.scope(WORDS.send(("a".to_owned(), 1))).await?;
    /// app.stop().await
    /// # });
    /// ```
    ///
    /// # Errors
    /// As [`start`](App::start).
    pub async fn start_idle(mut self) -> Result<Running> {
        self.idle = true;
        self.start().await
    }

    /// Runs until all sources have ended, or until Ctrl-C or SIGTERM: the first drains, the second aborts. From then on
    /// a signal that comes while no app runs ends the process; a program that hears signals itself uses
    /// [`run_until`](App::run_until).
    ///
    /// # Errors
    /// What could not be started, or what stopped the app.
    ///
    /// # Cancel safety
    /// Dropping the future aborts the app: what was committed stays.
    pub async fn run(self) -> Result<()> {
        let signals = Signals::hear();
        let running = tokio::select! {
            started = self.start() => started?,
            () = signals.clone().came(1) => return Err(not_started()),
        };
        let once = signals.clone().came(1);
        let first = async {
            once.await;
            tracing::info!("draining; once more aborts");
        };
        running.run_until(first, signals.came(2)).await
    }

    /// Runs until all sources have ended, or until this future has: then it drains.
    ///
    /// ```
    /// # slipstream::doc_test(async {
    /// use slipstream::prelude::*;
    /// use slipstream::testing;
    ///
    /// #[handle(source = every(millis(1)))]
    /// fn tick() {}
    ///
    /// testing::app().handler(tick).run_until(tokio::time::sleep(millis(20))).await
    /// # });
    /// ```
    ///
    /// # Errors
    /// As [`run`](App::run).
    ///
    /// # Cancel safety
    /// As [`run`](App::run).
    pub async fn run_until(self, shutdown: impl Future<Output = ()>) -> Result<()> {
        let mut shutdown = std::pin::pin!(shutdown);
        let running = tokio::select! {
            started = self.start() => started?,
            () = &mut shutdown => return Err(not_started()),
        };
        let shutdown = async {
            shutdown.await;
            tracing::info!("draining");
        };
        running.run_until(shutdown, std::future::pending()).await
    }
}

fn not_started() -> Error {
    Error::new(ErrorKind::Stopped, "the app was told to stop before it had started")
}

/// A hook whose error says that it was one.
fn hooked<F, Fut>(what: &'static str, hook: F) -> Hook
where
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output = Result<()>> + Send + 'static,
{
    let failed =
        move |error: Error| Error::caused(error.kind(), format!("a hook of `{what}` failed: {error}"), error);
    Box::new(move || Box::pin(async move { hook().await.map_err(failed) }))
}
