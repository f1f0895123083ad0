//! Where messages go that failed for good.

use super::Topic;
use crate::needs::{Letterbox, Named};
use crate::policy::{Policy, Verdict};

/// Sends a message whose calls all failed to this topic: a record with its own bytes, anything else as JSON; error,
/// stage, origin and handler in headers.
///
/// ```
/// use slipstream::prelude::*;
///
/// static DEAD: Topic<Option<String>, String> = Topic::new("dead");
///
/// #[handle(source = ["7", "seven"], sink = [print], on_error = dead_letter(&DEAD))]
/// fn parse(word: &str) -> Result<u32> {
///     Ok(word.parse()?)
/// }
/// ```
pub const fn dead_letter<K, V, C>(topic: &'static Topic<K, V, C>) -> Policy {
    Policy { retry: None, verdict: Verdict::Dead(topic) }
}

impl<K, V, C> Letterbox for Topic<K, V, C> {
    fn named(&'static self) -> Named {
        self.definition().named(Self::type_name())
    }
}
