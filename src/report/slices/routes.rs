//! Which slices a request went into, so that its outcomes follow it there.
//!
//! As many requests are remembered as the fold lets wait for outcomes; the oldest is forgotten first, here and in the
//! slices, so that all slices together hold no more than the whole does.

use std::collections::VecDeque;

use indexmap::IndexMap;

use crate::record::OutcomeRecord;
use crate::vocab::ExperimentName;
use crate::vocab::RequestId;

/// How many requests are remembered.
const MOST: usize = 200_000;

/// How many outcomes wait for a pair that is not there yet.
const MOST_EARLY: usize = 20_000;

/// Where requests went.
#[derive(Debug, Default)]
pub(super) struct Routes {
    known: IndexMap<RequestId, Route>,
    order: VecDeque<RequestId>,
    early: IndexMap<RequestId, Vec<OutcomeRecord>>,
    early_order: VecDeque<RequestId>,
}

/// Where one request went.
#[derive(Debug, Clone)]
pub(super) struct Route {
    pub(super) experiment: ExperimentName,
    /// For each field the place of its slice.
    pub(super) places: Box<[u8]>,
}

impl Routes {
    /// Remembers where a request went. Gives the outcomes that came before it, and the request that is forgotten
    /// for it, if there is no more room.
    pub(super) fn remember(
        &mut self,
        id: RequestId,
        route: Route,
    ) -> (Vec<OutcomeRecord>, Option<(RequestId, Route)>) {
        let early = self.early.swap_remove(&id).unwrap_or_default();
        if self.known.insert(id, route).is_none() {
            self.order.push_back(id);
        }
        let oldest = if self.order.len() > MOST { self.order.pop_front() } else { None };
        let forgotten = oldest.and_then(|oldest| Some((oldest, self.known.swap_remove(&oldest)?)));
        (early, forgotten)
    }

    /// Where a request went; `None`: it is not known.
    pub(super) fn known(&self, id: RequestId) -> Option<&Route> {
        self.known.get(&id)
    }

    /// Where an outcome's request went; `None`: it is kept until the request comes.
    pub(super) fn find(&mut self, outcome: &OutcomeRecord) -> Option<&Route> {
        let id = outcome.request_id;
        if !self.known.contains_key(&id) {
            if !self.early.contains_key(&id) {
                self.early_order.push_back(id);
            }
            self.early.entry(id).or_default().push(outcome.clone());
            if self.early_order.len() > MOST_EARLY
                && let Some(oldest) = self.early_order.pop_front()
            {
                self.early.swap_remove(&oldest);
            }
        }
        self.known.get(&id)
    }
}
