//! `check`: whether an app could run, without changing anything.

use super::lanes::Plan;
use super::{App, open, preflight};
use crate::error::{Error, ErrorKind, Result};
use crate::scope::Shared;
use crate::steps::State;
use crate::store::{Budget, Store};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// A run waits for its broker, however long; who checks wants to know.
const PATIENCE: Duration = Duration::from_secs(20);

/// All problems in one error, or a line that there are none. No hook runs, no topic is made, and state is not opened: it is
/// only asked whether another process has it.
pub(super) async fn check(app: App, plan: Plan) -> Result<String> {
    preflight::check(&app, &plan)?;
    let topics = plan.needs.topics();
    let (config, given) = (app.config.clone(), app.log);
    let keeps = open::keeps(&plan);
    let log = super::job::blocking(move || {
        if keeps && open::keeps_on_disk(&config, &topics) {
            Store::is_free(&open::directory(&config), &config.app_id())?;
        }
        open::log(&config, given, &topics)
    });
    let log = log.await.map_err(open::not_started)?;
    let budget = Budget::of(&app.config).unwrap_or_default(); // preflight has checked it
    let state = State::open(Arc::new(Store::in_memory()), budget)?;
    let shared = Shared::new(app.config, app.clock, state, app.states);
    shared.only_checks.store(true, Relaxed);
    let Some(log) = log else { return Ok(told(&plan)) };
    // It was just made: nobody else can have set it.
    let _ = shared.log.set(log.clone());
    let answered = tokio::time::timeout(PATIENCE, open::prepare(&shared, &plan, false)).await;
    log.close(Duration::ZERO);
    let away = || {
        let text =
            format!("no broker has answered within {} s{}", PATIENCE.as_secs(), shared.config.place(SERVERS));
        Error::new(ErrorKind::Preflight, text)
    };
    answered.unwrap_or_else(|_| Err(away()))?;
    Ok(told(&plan))
}

const SERVERS: &str = "kafka.bootstrap.servers";

fn told(plan: &Plan) -> String {
    match plan.abouts.len() {
        1 => "it can run: 1 handler\n".to_owned(),
        handlers => format!("it can run: {handlers} handlers\n"),
    }
}
