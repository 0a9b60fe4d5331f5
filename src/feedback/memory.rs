//! A bounded memory of requests, in parts with a lock each, so that the answer path rarely waits for another thread.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use crate::feedback::heard::Heard;
use crate::feedback::subject::Source;
use crate::vocab::RequestId;

const PARTS: usize = 16;

/// Requests by id; each part forgets its oldest when it is full.
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
}

impl Known {
    /// A request of which nothing was heard yet.
    pub(super) fn new(source: Source) -> Self {
        Self { source, heard: Heard::default() }
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
        self.part(id).insert(id, known, self.part_capacity);
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
        part.known.get_mut(&id).map(act)
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
            match self.order.pop_front() {
                Some(oldest) => self.known.remove(&oldest),
                None => return,
            };
        }
        if self.known.insert(id, known).is_none() {
            self.order.push_back(id);
        }
    }
}
