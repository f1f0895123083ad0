//! A topic as a sink: a record is staged, and written when its step ends; the commit waits for its acknowledgement.

use super::{About, Record, Topic, TopicKey};
use crate::codec::Codec;
use crate::needs::Needs;
use crate::sink::{Declared, InHand, Ready, Resource, Shown};
use crate::step::{Interrupt, Step};

/// What a topic takes.
#[diagnostic::on_unimplemented(
    message = "this topic cannot take what the handler sends",
    label = "this topic takes `({K}, {V})`, the handler sends `{Self}`",
    note = "it also takes `(Option<{K}>, {V})` and `Record<{K}, {V}>`"
)]
pub trait FitsTopic<K, V> {
    /// The key, the value, and what describes the record.
    fn parts(&self) -> (Option<&K>, &V, Option<&About>);
}

#[diagnostic::do_not_recommend]
impl<K, V> FitsTopic<K, V> for (K, V) {
    fn parts(&self) -> (Option<&K>, &V, Option<&About>) {
        (Some(&self.0), &self.1, None)
    }
}

#[diagnostic::do_not_recommend]
impl<K, V> FitsTopic<K, V> for (Option<K>, V) {
    fn parts(&self) -> (Option<&K>, &V, Option<&About>) {
        (self.0.as_ref(), &self.1, None)
    }
}

#[diagnostic::do_not_recommend]
impl<K, V> FitsTopic<K, V> for Record<K, V> {
    fn parts(&self) -> (Option<&K>, &V, Option<&About>) {
        (Some(&self.key), &self.value, Some(&self.about))
    }
}

/// A topic as a sink.
pub struct ToTopic<'a, K, V, C>(&'a Topic<K, V, C>);

impl<K, V, C> Resource for Topic<K, V, C> {
    type Kind<'a>
        = ToTopic<'a, K, V, C>
    where
        Self: 'a;

    fn kind(&self) -> ToTopic<'_, K, V, C> {
        ToTopic(self)
    }

    fn declare(&'static self, needs: &mut Needs) {
        needs.topic(self.definition().named(Self::type_name()));
        needs.writes(self.definition().slot.index());
    }
}

/// Preflight also asks the codec of a topic whether it can write. If it is none for these values, that is said where
/// they are sent, and the topic is declared as any other resource.
impl<K: TopicKey, V: 'static, C: Codec<V>> Declared<Topic<K, V, C>> {
    /// Tells preflight of the topic and of its codec.
    pub fn declare(self, needs: &mut Needs) {
        needs.topic(self.0.named(true));
        needs.writes(self.0.definition().slot.index());
    }
}

/// Writes records to a topic.
struct TopicSink<'a, K, V, C>(&'a Topic<K, V, C>);

impl<'a, K, V, C> ToTopic<'a, K, V, C> {
    /// As a sink for these outputs.
    pub fn fit<T: Send + Sync, P>(self, _: Shown<T, P>) -> impl Ready<T> + Sync + use<'a, K, V, C, T, P>
    where
        T: FitsTopic<K, V>,
        K: TopicKey,
        V: 'static,
        C: Codec<V>,
    {
        TopicSink(self.0)
    }
}

impl<T, K, V, C> Ready<T> for TopicSink<'_, K, V, C>
where
    T: FitsTopic<K, V> + Send + Sync,
    K: TopicKey,
    V: 'static,
    C: Codec<V>,
{
    async fn give(&self, item: T, step: &Step, at: usize) -> Result<(), Interrupt> {
        step.at_sink(at);
        let in_hand = InHand::take(step.outputs(at));
        let (key, value, about) = item.parts();
        let key = key.and_then(TopicKey::write);
        step.stage_record(at, self.0.outgoing(step.app(), key, value, about)?);
        in_hand.staged();
        Ok(())
    }
}
