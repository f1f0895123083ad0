//! A partition as the client counts them.

/// A partition as librdkafka counts it.
pub(super) fn number(partition: u32) -> i32 {
    i32::try_from(partition).unwrap_or(i32::MAX)
}
