//! Which requests are a client's second try: they keep their arm and add no event to the statistics.
//!
//! A retry tells itself by a count in a header, or by an idempotency key that was seen before. Keys are remembered as
//! hashes, a bounded number of them, and only for requests that carry one.

use std::collections::HashSet;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::PoisonError;

use http::HeaderMap;

use crate::assign::bucket;
use crate::policy::Experiment;

/// Keys remembered at most: at 1,000 keyed requests a second, a minute's worth.
const REMEMBERED: usize = 65_536;

/// Headers in which clients count their tries, with the count of a first try.
const TRY_COUNTS: [(&str, u64); 3] =
    [("x-stainless-retry-count", 0), ("x-envoy-attempt-count", 1), ("x-retry-count", 0)];

/// The keys seen of late, shared by all threads.
#[derive(Debug, Default)]
pub(super) struct Retries(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    keys: HashSet<u64>,
    order: VecDeque<u64>,
}

/// The client's idempotency key.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Option<&[u8]> {
    headers.get("idempotency-key").map(|key| key.as_bytes()).filter(|key| !key.is_empty())
}

impl Retries {
    /// Says whether a request was tried before, and remembers its key.
    pub(super) fn is_retry(&self, experiment: &Experiment, headers: &HeaderMap) -> bool {
        let counted = TRY_COUNTS.iter().any(|(name, first)| {
            let count = headers.get(*name).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
            count.is_some_and(|count| count > *first)
        });
        let seen = idempotency_key(headers).is_some_and(|key| self.saw(bucket(&experiment.salts.arm, key).0));
        counted || seen
    }

    fn saw(&self, key: u64) -> bool {
        // A panic under the lock can only have left a key out of the order; the set is still sound.
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !seen.keys.insert(key) {
            return true;
        }
        seen.order.push_back(key);
        if seen.order.len() > REMEMBERED {
            let oldest = seen.order.pop_front();
            oldest.map(|oldest| seen.keys.remove(&oldest));
        }
        false
    }
}
