//! Who told a group how far it is: an instance, which is a state of its own, and which of its commits that was.

use std::fmt;

/// A commit of an instance. In a group's metadata it is `slipstream INSTANCE COMMIT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) instance: u64,
    pub(crate) sequence: u64,
}

impl Mark {
    /// Of a group that begins somewhere: what is before that is nobody's.
    pub(crate) const BEGINNING: Mark = Mark { instance: 0, sequence: 0 };

    /// Reads it; `None` if somebody else wrote it, or nobody.
    #[cfg_attr(not(feature = "kafka"), allow(dead_code))] // in memory it is kept as it is
    pub(crate) fn parse(metadata: &str) -> Option<Mark> {
        let mut words = metadata.split(' ');
        let ours = words.next()? == "slipstream";
        let instance = u64::from_str_radix(words.next()?, 16).ok()?;
        let sequence = words.next()?.parse().ok()?;
        ours.then_some(Mark { instance, sequence })
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "slipstream {:016x} {}", self.instance, self.sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let mark = Mark { instance: 7, sequence: 42 };
        assert_eq!(Mark::parse(&mark.to_string()), Some(mark));
        for other in ["", "slipstream", "slipstream x 1", "slipstream 07", "another 07 42"] {
            assert_eq!(Mark::parse(other), None, "{other}");
        }
    }
}
