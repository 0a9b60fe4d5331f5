//! How the evidence on a candidate grew: a bounded series of looks at its leading effect, for plots.
//!
//! Looks are taken at fixed numbers of requests; when there are too many every second is dropped and the next are
//! taken half as often, so that the whole time stays covered evenly.

use serde::Deserialize;
use serde::Serialize;

use crate::analysis::effect::Effect;
use crate::analysis::effect::effect;
use crate::analysis::evidence::Evidence;
use crate::analysis::study::Study;
use crate::analysis::verdict::leading;
use crate::vocab::Timestamp;

/// How many looks are kept at most.
const MOST: usize = 240;

/// The first interval between looks, in requests.
const FIRST: u64 = 25;

/// A series of looks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Track {
    every: u64,
    pub(super) looks: Vec<Look>,
}

/// One look.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// When.
    pub time: Timestamp,
    /// After how many requests of the experiment.
    pub requests: u64,
    /// The effect.
    pub estimate: Option<f64>,
    /// Its confidence sequence; `None` also where an end is infinite.
    pub lower: Option<f64>,
    /// The upper end.
    pub upper: Option<f64>,
    /// The log e-values of better and of worse.
    pub log_e_better: Option<f64>,
    /// That of worse.
    pub log_e_worse: Option<f64>,
}

impl Default for Track {
    fn default() -> Self {
        Self { every: FIRST, looks: Vec::new() }
    }
}

impl Study {
    /// Looks at each candidate's leading effect, if it is time to.
    pub(super) fn track(&mut self, time: Timestamp) {
        for place in 0..self.tracks.len() {
            if !self.requests.is_multiple_of(self.tracks[place].every) {
                continue;
            }
            let alpha = self.decision().alpha;
            let Some(figure) = leading(self) else { return };
            let look = Look::of(&effect(self, place + 1, &figure, alpha), time, self.requests);
            self.tracks[place].add(look);
        }
    }
}

impl Track {
    fn add(&mut self, look: Look) {
        self.looks.push(look);
        if self.looks.len() > MOST {
            self.every *= 2;
            let every = self.every;
            self.looks.retain(|look| look.requests.is_multiple_of(every));
        }
    }
}

impl Look {
    fn of(effect: &Effect, time: Timestamp, requests: u64) -> Self {
        let finite = |value: f64| value.is_finite().then_some(value);
        let log_e = |evidence: &Option<Evidence>| evidence.as_ref().and_then(Evidence::log_e);
        Self {
            time,
            requests,
            estimate: effect.estimate.and_then(finite),
            lower: effect.bounds.and_then(|bounds| finite(bounds.lower)),
            upper: effect.bounds.and_then(|bounds| finite(bounds.upper)),
            log_e_better: log_e(&effect.better),
            log_e_worse: log_e(&effect.worse),
        }
    }
}
