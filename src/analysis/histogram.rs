//! Durations, kept in a sketch so that any quantile is right within 1 %, and told in whole microseconds.

use serde::Deserialize;
use serde::Serialize;

use crate::stats::Bucket;
use crate::stats::QuantileSketch;

/// How many buckets, each 2 % wide, make a bar for the eye: eight are 17 %.
const BUCKETS_A_BAR: u16 = 8;

/// Durations within two bounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Bar {
    /// Longer than this, in milliseconds.
    pub above_ms: f64,
    /// At most this.
    pub upto_ms: f64,
    /// How many.
    pub count: u64,
}

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
        // Only a state that another version kept could have another error; its durations cannot be added.
        self.micros.merge(&other.micros).ok();
    }

    /// The durations by bars of one width on a logarithmic scale, the same in every histogram; those that hold none are
    /// left out.
    pub(super) fn bars(&self) -> Vec<Bar> {
        let bars = self.micros.bars(BUCKETS_A_BAR).into_iter();
        bars.map(|Bucket { lowest, highest, count }| Bar {
            above_ms: lowest / 1000.0,
            upto_ms: highest / 1000.0,
            count,
        })
        .collect()
    }

    /// The duration in milliseconds that a share of all do not exceed; `None` of none.
    pub(super) fn quantile(&self, share: f64) -> Option<f64> {
        self.micros.quantile(share).ok().map(|micros| micros.round() / 1000.0)
    }
}
