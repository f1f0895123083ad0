//! What happens when a message fails: policies are data, given as `on_error = ..`.

use crate::needs::Letterbox;
use std::fmt;
use std::time::Duration;

/// What to do with a message that cannot be decoded, handled or sent.
///
/// In the attribute the names of this module need no import:
/// `on_error = retry(3, exponential(millis(100))).then(skip)`.
///
/// ```
/// use slipstream::policy::*;
/// use slipstream::prelude::*;
///
/// let policy: Policy = retry(3, exponential(millis(100))).then(skip);
/// assert!(format!("{policy:?}").contains("Skip"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    pub(crate) retry: Option<Retry>,
    pub(crate) verdict: Verdict,
}

/// How often a call is made again, and how long the waits between are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Retry {
    pub(crate) times: u32,
    pub(crate) backoff: Backoff,
}

/// What becomes of a message whose calls all failed.
#[derive(Clone, Copy)]
pub(crate) enum Verdict {
    Stop,
    Skip,
    /// Where it is sent.
    Dead(&'static dyn Letterbox),
}

impl Verdict {
    /// A word for it, and the topic of dead letters.
    fn told(&self) -> (&'static str, Option<&'static str>) {
        match self {
            Verdict::Stop => ("Stop", None),
            Verdict::Skip => ("Skip", None),
            Verdict::Dead(letterbox) => ("Dead", Some(letterbox.named().name)),
        }
    }
}

impl PartialEq for Verdict {
    fn eq(&self, other: &Self) -> bool {
        self.told() == other.told()
    }
}

impl Eq for Verdict {}

impl fmt::Debug for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, topic) = self.told();
        f.write_str(word)?;
        topic.map_or(Ok(()), |topic| write!(f, "({topic:?})"))
    }
}

/// The waits between retries.
///
/// ```
/// use slipstream::policy::exponential;
/// use std::time::Duration;
///
/// let backoff = exponential(Duration::from_millis(100));
/// assert_eq!(backoff.wait(0), Duration::from_millis(100));
/// assert_eq!(backoff.wait(3), Duration::from_millis(800));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    doubling: bool,
}

/// The longest wait of an exponential backoff.
const LONGEST: Duration = Duration::from_secs(60);

impl Backoff {
    /// The wait before a retry, counted from 0; never more than a minute if it grows.
    pub fn wait(&self, retry: u32) -> Duration {
        if !self.doubling {
            return self.first;
        }
        let factor = 2_u32.saturating_pow(retry.min(31));
        self.first.saturating_mul(factor).min(LONGEST.max(self.first))
    }
}

impl Policy {
    /// Says what follows when all retries failed; replaces what was said before.
    ///
    /// ```
    /// use slipstream::policy::*;
    /// let policy = retry(2, fixed(std::time::Duration::from_secs(1))).then(skip);
    /// assert_ne!(policy, skip);
    /// ```
    #[must_use]
    pub const fn then(self, last: Policy) -> Policy {
        Policy { retry: self.retry, verdict: last.verdict }
    }
}

/// Drains the app and ends it with an error that names the message; the default.
///
/// ```
/// use slipstream::prelude::*;
///
/// #[handle(source = ["7"], sink = [print], on_error = stop)]
/// fn parse(word: &str) -> Result<u32> {
///     Ok(word.parse()?)
/// }
/// ```
#[allow(non_upper_case_globals)] // reads as a word of the attribute: `on_error = stop`
pub const stop: Policy = Policy { retry: None, verdict: Verdict::Stop };

/// Counts the message as skipped and goes on.
///
/// ```
/// use slipstream::prelude::*;
///
/// #[handle(source = ["7", "seven"], sink = [print], on_error = skip)]
/// fn parse(word: &str) -> Result<u32> {
///     Ok(word.parse()?)
/// }
/// ```
#[allow(non_upper_case_globals)] // as above
pub const skip: Policy = Policy { retry: None, verdict: Verdict::Skip };

/// Makes the call again up to `times` times, and stops if all of them fail.
///
/// A failing sink is called again alone. The message is taken by `&` or has `Clone`.
///
/// ```
/// use slipstream::policy::*;
/// let policy = retry(5, fixed(std::time::Duration::from_millis(10)));
/// assert_ne!(policy, stop);
/// ```
pub const fn retry(times: u32, backoff: Backoff) -> Policy {
    Policy { retry: Some(Retry { times, backoff }), verdict: Verdict::Stop }
}

/// Waits that double from the first, up to a minute.
///
/// ```
/// use slipstream::policy::exponential;
/// use std::time::Duration;
/// assert_eq!(exponential(Duration::from_secs(40)).wait(9), Duration::from_secs(60));
/// ```
pub const fn exponential(first: Duration) -> Backoff {
    Backoff { first, doubling: true }
}

/// Waits of one length.
///
/// ```
/// use slipstream::policy::fixed;
/// use std::time::Duration;
/// assert_eq!(fixed(Duration::from_secs(2)).wait(9), Duration::from_secs(2));
/// ```
pub const fn fixed(wait: Duration) -> Backoff {
    Backoff { first: wait, doubling: false }
}
