//! A look into one partition beside the group, where nothing else tells whether there is anything.

use super::context::Voice;
use super::membership::{Membership, leave};
use super::number::number;
use super::settings;
use crate::error::Result;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a look may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Reads as the group would, with the same settings, but without joining it.
pub(super) struct Probe {
    config: ClientConfig,
    voice: Voice,
}

impl Probe {
    pub(super) fn new(config: ClientConfig, voice: Voice) -> Self {
        Probe { config, voice }
    }

    /// Whether a partition gives nothing from an offset on; not if that is not known in time.
    pub(super) fn is_empty(&self, topic: &str, partition: u32, from: i64) -> bool {
        self.look(topic, partition, from).unwrap_or(false)
    }

    fn look(&self, topic: &str, partition: u32, from: i64) -> Result<bool> {
        let deadline = Instant::now() + PATIENCE;
        let client: BaseConsumer<_> = settings::client(&self.config, Membership::new(self.voice.another()))?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, number(partition), Offset::Offset(from))?;
        client.assign(&list)?;
        let mut empty = false;
        while Instant::now() < deadline {
            match client.poll(Duration::from_millis(100)) {
                Some(Err(KafkaError::PartitionEOF(_))) => {
                    empty = true;
                    break;
                }
                Some(Ok(_)) => break,
                Some(Err(_)) | None => {}
            }
        }
        leave(Arc::new(client), deadline);
        Ok(empty)
    }
}
