//! Which partition has ended, and where.

use super::reader::Reader;
use super::table::Verdict;
use crate::log::Delivery;
use rdkafka::consumer::Consumer;

impl Reader {
    /// Finds out which partition has ended. rdkafka names its number, but not its topic, and librdkafka names the
    /// offset in a text only; where that leaves a choice the broker is asked, since an end must never be wrong.
    pub(super) fn end(&mut self, partition: i32, said: &str) {
        self.client.context().voice.up();
        let Ok(partition) = u32::try_from(partition) else { return };
        let offset = end_offset(said);
        let mut candidates = Vec::new();
        for (at, topic) in self.topics.iter_mut().enumerate() {
            if let Some(reading) = topic.table.get(partition) {
                let offset = offset.unwrap_or(reading.next);
                if reading.may_end(offset) {
                    candidates.push((at, reading.next, offset));
                }
            }
        }
        if let [(at, _, offset)] = candidates[..] {
            return self.ended(at, partition, offset);
        }
        // It must hold as much as that to end there, which leaves one most times.
        let mut marked = Vec::new();
        for (at, next, offset) in candidates {
            match self.marks(at, partition) {
                Some((_, high)) if high >= offset => marked.push((at, next, offset, high)),
                Some(_) => {}
                // Without an answer there is no end; `watch` looks for it later.
                None => return,
            }
        }
        if let [(at, _, offset, _)] = marked[..] {
            return self.ended(at, partition, offset);
        }
        let ends: Vec<_> =
            marked.iter().filter(|(_, next, offset, high)| next == offset && offset == high).collect();
        for &&(at, _, offset, _) in &ends {
            self.ended(at, partition, offset);
        }
        if !ends.is_empty() {
            return;
        }
        for (at, next, offset, high) in marked {
            // Between the last record and the end there may be marks of transactions only.
            let name = &self.topics[at].start.topic;
            if high == offset && self.probe.is_empty(name, partition, next) {
                self.ended(at, partition, offset);
            }
        }
    }

    /// Hands an end on, if it is new.
    pub(super) fn ended(&mut self, at: usize, partition: u32, offset: i64) {
        let topic = &mut self.topics[at];
        match topic.table.get(partition).map(|reading| (reading.end(offset), reading.epoch)) {
            Some((Verdict::Take, epoch)) => topic.backlog.push(Delivery::End { partition, offset, epoch }),
            Some((Verdict::SeekBack(_), _)) => self.restart(at, partition),
            Some((Verdict::Drop, _)) | None => {}
        }
    }
}

/// The offset in librdkafka's words `... reached end of partition at offset 7 (...`.
fn end_offset(said: &str) -> Option<i64> {
    let (_, rest) = said.split_once("end of partition at offset ")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_an_end_out_of_its_text() {
        let said = "Fetch from broker 1 reached end of partition at offset 42 (HighwaterMark 43)";
        assert_eq!(end_offset(said), Some(42));
        assert_eq!(end_offset("something else"), None);
    }
}
