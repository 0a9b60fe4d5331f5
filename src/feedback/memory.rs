//! A bounded memory of requests, in parts with a lock each, so that the answer path rarely waits for another thread.
//!
//! It is bounded by number and by bytes, for how long a user's name or a reported item is, clients decide.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use crate::feedback::heard::Heard;
use crate::feedback::subject::Source;
use crate::vocab::RequestId;

const PARTS: usize = 16;

/// What the memory holds at most, in bytes, roughly.
const MOST_BYTES: usize = 256 * 1024 * 1024;

/// What a request takes beside its texts.
const REQUEST_BYTES: usize = 512;

/// Requests by id; each part forgets its oldest when it is full or too large.
#[derive(Debug)]
pub(super) struct Memory {
    parts: Vec<Mutex<Part>>,
    part_capacity: usize,
}

/// What is known of one request.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) source: Source,
    pub(super) heard: Heard,
}

#[derive(Debug, Default)]
struct Part {
    known: HashMap<RequestId, Known>,
    order: VecDeque<RequestId>,
    bytes: usize,
}

impl Known {
    /// A request of which nothing was heard yet.
    pub(super) fn new(source: Source) -> Self {
        Self { source, heard: Heard::default() }
    }

    fn held_bytes(&self) -> usize {
        REQUEST_BYTES + self.source.held_bytes() + self.heard.held_bytes()
    }
}

impl Memory {
    /// An empty memory of at most `capacity` requests in all.
    pub(super) fn new(capacity: usize) -> Self {
        let parts = capacity.clamp(1, PARTS);
        Self { parts: (0..parts).map(|_| Mutex::default()).collect(), part_capacity: capacity / parts }
    }

    /// Remembers a request.
    pub(super) fn remember(&self, id: RequestId, known: Known) {
        let mut part = self.part(id);
        part.insert(id, known, self.part_capacity);
        part.shrink(self.part_bytes());
    }

    /// Does something with what is known of a request, first remembering `told` where nothing is; `None`: nothing
    /// is known.
    pub(super) fn with<T>(
        &self,
        id: RequestId,
        told: Option<Known>,
        act: impl FnOnce(&mut Known) -> T,
    ) -> Option<T> {
        let mut part = self.part(id);
        if let Some(told) = told.filter(|_| !part.known.contains_key(&id)) {
            part.insert(id, told, self.part_capacity.max(1));
        }
        let known = part.known.get_mut(&id)?;
        let before = known.held_bytes();
        let acted = act(known);
        let after = known.held_bytes();
        part.bytes = part.bytes + after - before;
        part.shrink(self.part_bytes());
        Some(acted)
    }

    fn part_bytes(&self) -> usize {
        MOST_BYTES / self.parts.len()
    }

    /// The last byte of a UUIDv7 is random.
    fn part(&self, id: RequestId) -> MutexGuard<'_, Part> {
        let part = usize::from(id.as_bytes()[15]) % self.parts.len();
        // A panic while the lock was held leaves at worst an id in the order that is not known.
        self.parts[part].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Part {
    fn insert(&mut self, id: RequestId, known: Known, capacity: usize) {
        while self.order.len() >= capacity {
            if !self.forget_oldest() {
                return;
            }
        }
        self.bytes += known.held_bytes();
        match self.known.insert(id, known) {
            Some(earlier) => self.bytes -= earlier.held_bytes(),
            None => self.order.push_back(id),
        }
    }

    fn shrink(&mut self, most_bytes: usize) {
        while self.bytes > most_bytes && self.forget_oldest() {}
    }

    /// Says whether there was one.
    fn forget_oldest(&mut self) -> bool {
        let Some(oldest) = self.order.pop_front() else { return false };
        let forgotten = self.known.remove(&oldest).map_or(0, |known| known.held_bytes());
        self.bytes -= forgotten;
        true
    }
}
