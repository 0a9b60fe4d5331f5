//! Durations, kept in a sketch so that any quantile is right within 1 %, and told in whole microseconds.

use serde::Deserialize;
use serde::Serialize;

use crate::stats::QuantileSketch;

/// Durations in microseconds; one below 1 counts as 0.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Histogram {
    micros: QuantileSketch,
}

impl Histogram {
    /// Adds a duration in milliseconds.
    pub(super) fn add(&mut self, milliseconds: f64) {
        // A damaged log may hold any number.
        let micros = (milliseconds * 1000.0).min(f64::MAX);
        self.micros
            .add(if micros < 1.0 { 0.0 } else { micros })
            .expect("`min` leaves neither NaN nor infinity");
    }

    /// How many durations there are.
    pub(super) fn count(&self) -> u64 {
        self.micros.count()
    }

    /// Takes in another's durations.
    pub(super) fn merge(&mut self, other: &Histogram) {
        self.micros.merge(&other.micros).expect("every histogram has the default error");
    }

    /// The duration in milliseconds that a share of all do not exceed; `None` of none.
    pub(super) fn quantile(&self, share: f64) -> Option<f64> {
        self.micros.quantile(share).ok().map(|micros| micros.round() / 1000.0)
    }
}
