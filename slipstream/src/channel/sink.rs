//! A channel as a sink: an item is staged, and on its way when its step ends.

use super::Channel;
use crate::needs::Needs;
use crate::sink::{InHand, Ready, Resource, Shown};
use crate::step::{Interrupt, Step};

/// What a channel takes.
#[diagnostic::on_unimplemented(
    message = "this channel cannot take what the handler sends",
    label = "this channel takes `{T}`, the handler sends `{Self}`"
)]
pub trait FitsChannel<T> {
    /// The item.
    fn item(self) -> T;
}

#[diagnostic::do_not_recommend]
impl<T> FitsChannel<T> for T {
    fn item(self) -> T {
        self
    }
}

/// A channel as a sink.
pub struct ToChannel<'a, T>(&'a Channel<T>);

impl<T: Send + 'static> Resource for Channel<T> {
    type Kind<'a> = ToChannel<'a, T>;

    fn kind(&self) -> ToChannel<'_, T> {
        ToChannel(self)
    }

    fn declare(&'static self, needs: &mut Needs) {
        needs.channel(self.named());
        needs.writes(self.slot.index());
    }
}

/// Sends items to a channel.
struct ChannelSink<'a, T>(&'a Channel<T>);

impl<'a, T: Send + 'static> ToChannel<'a, T> {
    /// As a sink for these outputs.
    pub fn fit<O: Send, P>(self, _: Shown<O, P>) -> impl Ready<O> + Sync + use<'a, T, O, P>
    where
        O: FitsChannel<T>,
    {
        ChannelSink(self.0)
    }
}

impl<O, T> Ready<O> for ChannelSink<'_, T>
where
    O: FitsChannel<T> + Send,
    T: Send + 'static,
{
    async fn give(&self, item: O, step: &Step, at: usize) -> Result<(), Interrupt> {
        step.at_sink(at);
        let in_hand = InHand::take(step.outputs(at));
        let channel = self.0;
        let queue = channel.queue(step.app())?;
        let item = channel.item(item.item())?;
        let waited = step.gathered().waits_for(&queue);
        step.stage_item(at, |app, txn| channel.stage(app, txn, &queue, item, waited))?;
        in_hand.kept();
        Ok(())
    }
}
