//! What a handler that is bound to checkpoints takes of its message for them, and of them as an argument.

use super::argument::{Argument, Beside, View, alone};
use super::extract::{Asks, Described, event_time};
use crate::checkpoint::Downtime;
use crate::error::Result;
use crate::lane::Message;
use crate::needs::Needs;
use crate::step::Step;
use chrono::{DateTime, TimeZone, Utc};

/// What `time` may return.
#[diagnostic::on_unimplemented(
    message = "`time` returns a `DateTime`, not a `{Self}`",
    label = "not a `DateTime`"
)]
pub trait Moment {
    /// It, as the time that all compare.
    fn utc(self) -> DateTime<Utc>;
}

#[diagnostic::do_not_recommend]
impl<Z: TimeZone> Moment for DateTime<Z> {
    fn utc(self) -> DateTime<Utc> {
        self.to_utc()
    }
}

/// The event time of a message, by `time = ..`.
pub fn moment<A: ?Sized, T, R, M>(time: impl Fn(&A) -> R, item: &T) -> DateTime<Utc>
where
    T: View<A, M>,
    R: Moment,
{
    time(item.view()).utc()
}

/// A message that has an event time by itself.
#[diagnostic::on_unimplemented(
    message = "`after` and `before` go by event time, and the messages of this source have none by themselves",
    label = "say what it is by `time = |message| ..`",
    note = "only the records of a `Topic` have one, and pipes of ours carry it along"
)]
pub trait Recorded<M> {
    /// Its event time.
    fn recorded(&self, step: &Step) -> DateTime<Utc>;
}

#[diagnostic::do_not_recommend]
impl<T, D, M> Recorded<M> for Message<T, D>
where
    Self: Described<M>,
{
    fn recorded(&self, step: &Step) -> DateTime<Utc> {
        event_time(self.about(), step)
    }
}

/// The event time of a record.
pub fn recorded<T, D, M>(message: &Message<T, D>, step: &Step) -> DateTime<Utc>
where
    Message<T, D>: Recorded<M>,
{
    message.recorded(step)
}

impl<T, D> Argument<T, D, Beside> for Downtime {
    fn look(_: &Message<T, D>, step: &Step) -> Result<Option<Self>> {
        Ok(Some(step.left().unwrap_or_default()))
    }

    fn take(message: &mut Message<T, D>, _: Option<fn(&T) -> T>, step: &Step) -> Result<Self> {
        alone(Self::look(message, step))
    }
}

impl Asks<Downtime> {
    /// The handler must be `after` a checkpoint.
    pub fn ask(self, needs: &mut Needs) {
        needs.takes_downtime = true;
    }
}
