//! Seeks: a topic's handlers go on from elsewhere.

use super::Topic;
use crate::error::{Error, ErrorKind, Result};
use crate::log::check_bounds;
use crate::scope::{self, Current};
use crate::steps::Goal;

impl<K, V, C> Topic<K, V, C> {
    /// Moves the handlers that read the topic to these offsets, by partition: inside of a handler when its step ends, with
    /// all else that it does; elsewhere at once. The state then says where reading goes on, also after a restart.
    ///
    /// Where a handler is beyond the target it is a seek *backward*: each handler goes to the target, but who is not as far
    /// stays where it is, since else it would pass over records. Where none is beyond, it is a seek *forward*: each goes to
    /// the target, and what lies in between is passed over. A handler that seeks in its own source counts as behind the
    /// message that it has.
    ///
    /// What is in hand of these partitions is dropped: nothing that such a call wrote or sent is seen, though functions as
    /// sinks may have been called, and the report counts it as [`superseded`](crate::MessageCounts::superseded). A handler
    /// that returns a stream loses what it would yield after the seek. Messages that a pipe keeps stay in it. Records that
    /// come again are handled again: what they changed before is not undone.
    ///
    /// While the app drains, a seek counts for the next start, and so it does where `until_end` has come to the end already.
    /// A partition that another instance of the app reads is moved for this one only.
    ///
    /// ```
    /// # slipstream::doc_test(async {
    /// use slipstream::prelude::*;
    /// use slipstream::testing::{self, Output};
    /// static NUMBERS: Topic<String, u64> = Topic::new("numbers").start(Start::Earliest);
    /// static SEEN: Output<u64> = Output::new("seen");
    ///
    /// /// Passes over the rest when it sees a 1.
    /// #[handle(source = NUMBERS, sink = [SEEN])]
    /// async fn until_one(n: u64) -> Result<u64> {
    ///     if n == 1 {
    ///         NUMBERS.seek([(0, 4)]).await?;
    ///     }
    ///     Ok(n)
    /// }
    ///
    /// let fill = async || {
    ///     for n in 0..6 {
    ///         NUMBERS.send(("key".to_owned(), n)).await?;
    ///     }
    ///     Ok(())
    /// };
    /// let app = testing::app().on_start(fill).handler(until_one).start().await?;
    /// app.quiet().await;
    /// assert_eq!(app.drain(&SEEN)?, [0, 1, 4, 5]);
    /// app.scope(NUMBERS.seek([(0, 5)])).await?;
    /// app.quiet().await;
    /// assert_eq!(app.drain(&SEEN)?, [5]);
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// If a partition does not exist, or does not hold an offset (its end is one that it holds); if no handler of the app
    /// reads the topic, or the app has not started; if the broker does not answer. Then nothing is moved.
    ///
    /// # Cancel safety
    /// A seek whose future is dropped has been made, or has not; never a part of it.
    pub async fn seek(&self, to: impl IntoIterator<Item = (u32, i64)>) -> Result<()> {
        self.go(to, Goal::To).await
    }

    /// Moves the handlers that are beyond these offsets back to them; who is not as far stays where it is, also where that is
    /// every one. It is what a checkpoint's `on_recovery` needs: several may go back in one topic, and none must pass over
    /// what another goes back to. Else it is as [`seek`](Topic::seek).
    ///
    /// ```
    /// # slipstream::doc_test(async {
    /// use slipstream::prelude::*;
    /// use slipstream::testing::{self, Output};
    /// static NUMBERS: Topic<String, u64> = Topic::new("numbers").start(Start::Earliest);
    /// static SEEN: Output<u64> = Output::new("seen");
    ///
    /// #[handle(source = NUMBERS, sink = [SEEN])]
    /// fn look(n: u64) -> u64 { n }
    ///
    /// let app = testing::app().handler(look).start().await?;
    /// for n in 0..4 {
    ///     app.scope(NUMBERS.send(("key".to_owned(), n))).await?;
    /// }
    /// app.quiet().await;
    /// app.pause("numbers", "so that nothing is read in between")?;
    /// app.scope(NUMBERS.seek_back([(0, 1)])).await?;
    /// app.scope(NUMBERS.seek_back([(0, 3)])).await?;
    /// app.drain(&SEEN)?;
    /// app.resume("numbers", "so that nothing is read in between")?;
    /// app.quiet().await;
    /// assert_eq!(app.drain(&SEEN)?, [1, 2, 3]);
    /// # Ok(()) });
    /// ```
    ///
    /// # Errors
    /// As [`seek`](Topic::seek).
    ///
    /// # Cancel safety
    /// As there.
    pub async fn seek_back(&self, to: impl IntoIterator<Item = (u32, i64)>) -> Result<()> {
        self.go(to, Goal::BackTo).await
    }

    async fn go(&self, to: impl IntoIterator<Item = (u32, i64)>, goal: fn(i64) -> Goal) -> Result<()> {
        let to: Vec<(u32, i64)> = to.into_iter().collect();
        let Current { app, step } = scope::current(|| format!("the topic `{}`", self.name()))?;
        if !app.is_read(self.name()) {
            let text = format!(
                "no handler of this app reads the topic `{}`, or the app has not started: there is nothing to seek",
                self.name()
            );
            return Err(Error::new(ErrorKind::Misuse, text));
        }
        let (log, topic, asked) = (app.log()?.clone(), app.topic_name(self.name()), to.clone());
        let checked = tokio::task::spawn_blocking(move || {
            asked.iter().try_for_each(|(partition, offset)| {
                check_bounds(&topic, *partition, *offset, log.bounds(&topic, *partition)?)
            })
        });
        checked
            .await
            .map_err(|error| Error::caused(ErrorKind::Log, "the app ended before the seek", error))??;
        let targets: Vec<_> = to.iter().map(|(partition, offset)| (*partition, goal(*offset))).collect();
        match step {
            None => app.seek_now(self.name(), &targets),
            Some(step) => {
                let mut buffers = step.touch();
                app.seek(&mut buffers.txn, self.name(), &targets);
                buffers.sought.extend(to.iter().map(|(partition, _)| (self.name().to_owned(), *partition)));
                Ok(())
            }
        }
    }
}
