//! The events of a streamed answer, each of which says when it was sent.

use crate::load::tally::Tally;

/// How the model begins an event; the moment follows, in nanoseconds of the machine's clock.
const OPENING: &[u8] = b"data: ";

/// The events of one stream, wherever its bytes are split.
#[derive(Debug, Default)]
pub(super) struct EventReader {
    partial: Vec<u8>,
    last_ns: Option<u64>,
}

impl EventReader {
    /// Begins a new stream.
    pub(super) fn clear(&mut self) {
        self.partial.clear();
        self.last_ns = None;
    }

    /// Counts the events that end in these bytes.
    pub(super) fn feed(&mut self, bytes: &[u8], now_ns: u64, tally: &mut Tally) {
        let mut rest = bytes;
        while let Some(at) = rest.iter().position(|byte| *byte == b'\n') {
            self.partial.extend_from_slice(&rest[..at]);
            if let Some(sent_ns) = sent_at(&self.partial) {
                let gap = self.last_ns.map(|last| now_ns - last);
                tally.event(now_ns.saturating_sub(sent_ns), gap);
                self.last_ns = Some(now_ns);
            }
            self.partial.clear();
            rest = &rest[at + 1..];
        }
        self.partial.extend_from_slice(rest);
    }
}

/// The moment that an event's line tells; `None`: it is another line.
fn sent_at(line: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(line.strip_prefix(OPENING)?).ok()?;
    text.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests;
