//! Where partitions begin and end, asked for all of them at once: a thousand questions in turn would take minutes where
//! each of them waits for a fetch that is under way.

use super::number::number;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The oldest offset that a partition holds and the one that its next record gets, by topic and partition.
pub(super) type Marks = BTreeMap<(String, u32), (i64, i64)>;

pub(super) fn marks<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    partitions: impl IntoIterator<Item = (impl AsRef<str>, u32)>,
    patience: Duration,
) -> KafkaResult<Marks> {
    let deadline = Instant::now() + patience;
    let mut first = TopicPartitionList::new();
    for (topic, partition) in partitions {
        first.add_partition(topic.as_ref(), number(partition));
    }
    if first.count() == 0 {
        return Ok(Marks::new());
    }
    let mut last = first.clone();
    // The times before all others and behind them have the numbers of these two offsets.
    first.set_all_offsets(Offset::Beginning)?;
    last.set_all_offsets(Offset::End)?;
    let first = client.offsets_for_times(first, deadline.saturating_duration_since(Instant::now()))?;
    let last = client.offsets_for_times(last, deadline.saturating_duration_since(Instant::now()))?;
    let mut marks = Marks::new();
    for (first, last) in first.elements().iter().zip(last.elements()) {
        first.error()?;
        last.error()?;
        let (Ok(partition), Offset::Offset(first_offset), Offset::Offset(last_offset)) =
            (u32::try_from(first.partition()), first.offset(), last.offset())
        else {
            return Err(KafkaError::MetadataFetch(RDKafkaErrorCode::NoOffset));
        };
        marks.insert((first.topic().to_owned(), partition), (first_offset, last_offset));
    }
    Ok(marks)
}
