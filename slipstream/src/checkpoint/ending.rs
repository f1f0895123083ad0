//! The end of a dependency: nothing more of it will come, so that nobody waits for it any longer.

use super::outage::report;
use super::rows::{Down, Rows};
use super::valve::Valve;
use super::{Checkpoint, Dependency, Outage, Result};
use crate::scope::{self, Current, Shared};
use std::sync::Arc;
use std::time::Duration;

impl Checkpoint {
    /// The source of a dependency has come to its end in this run.
    ///
    /// It stays down until its callback has ended: an app that stops meanwhile goes back at its next start.
    pub(super) async fn ended(
        &'static self,
        app: Arc<Shared>,
        valve: Arc<Valve>,
        dependency: &'static Dependency,
    ) {
        // The lane of a source may end before a handler that has a queue.
        while valve.has_messages(&app, dependency.name()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let mut noted = self.end(&app, dependency).await;
        while let Ok(Some(down)) = noted {
            // Outside of any step: what it seeks is sought at once, and so before the dependent goes on.
            let inside = Current { app: app.clone(), step: None };
            let outage = Outage::of(self.name, dependency.name(), &down);
            scope::enter(inside, report(&app.clock, self.on_recovery, outage)).await;
            noted = self.is_over(&app, &valve, dependency, &down).await;
        }
        if let Err(error) = noted {
            app.fail(error);
        }
    }

    /// Nothing more is noted of it; what was, if no other dependency that is down takes it over.
    async fn end(&'static self, app: &Shared, dependency: &'static Dependency) -> Result<Option<Down>> {
        app.state
            .outside_in_time(|txn| {
                let mut rows = Rows::new(self.name, &app.state, txn);
                let mut row = rows.read(dependency.name())?;
                row.has_ended = true;
                if let Some(down) = &row.down
                    && self.hands_over(&mut rows, dependency, down)?
                {
                    row.down = None;
                    row.turns += 1;
                }
                rows.write(dependency.name(), &row)?;
                Ok(row.down)
            })
            .await
    }

    /// Its callback has ended: it is down no more, unless another that recovered meanwhile has left it something to go
    /// back to.
    async fn is_over(
        &'static self,
        app: &Shared,
        valve: &Arc<Valve>,
        dependency: &'static Dependency,
        done: &Down,
    ) -> Result<Option<Down>> {
        app.state
            .outside_in_time(|txn| {
                let mut rows = Rows::new(self.name, &app.state, txn);
                let mut row = rows.read(dependency.name())?;
                if row.down.as_ref() != Some(done) {
                    return Ok(row.down);
                }
                row.down = None;
                row.turns += 1;
                rows.write(dependency.name(), &row)?;
                for other in self.dependencies {
                    if rows.read(other.name())?.down.is_some() {
                        return Ok(None); // it went down meanwhile
                    }
                }
                let turn = rows.turns(self.dependencies)?;
                valve.resume(&app.state, txn, turn);
                Ok(None)
            })
            .await
    }
}
