//! What was judged before: the same question of the same judge is asked once.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::record::JudgedAnswer;

/// How many judged answers one judge remembers; the oldest is forgotten first.
const MOST: usize = 4_096;

/// One judge's memory.
#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    known: HashMap<[u8; 32], JudgedAnswer>,
    order: VecDeque<[u8; 32]>,
}

impl Cache {
    /// What was said of this question.
    pub(super) fn find(&self, question: &[u8; 32]) -> Option<JudgedAnswer> {
        self.lock().known.get(question).cloned()
    }

    /// Remembers what was said; what is missing may be known the next time.
    pub(super) fn remember(&self, question: [u8; 32], answer: &JudgedAnswer) {
        if answer.missing.is_some() {
            return;
        }
        let mut held = self.lock();
        if held.known.insert(question, answer.clone()).is_none() {
            held.order.push_back(question);
        }
        if held.order.len() > MOST
            && let Some(oldest) = held.order.pop_front()
        {
            held.known.remove(&oldest);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Held> {
        // What a panic left out is asked again.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
