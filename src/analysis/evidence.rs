//! Evidence for one statement about a candidate: how strong it is, and how strong it would be after more of the same.

use crate::evaluate::measure::Better;
use crate::stats::Alternative;
use crate::stats::BetaBinomial;
use crate::stats::Interval;
use crate::stats::StagedDifference;
use crate::stats::StagedRisk;
use crate::stats::suffices;

/// How much more of the same is looked ahead at most.
const FARTHEST: f64 = 1_000.0;

/// Evidence for a statement.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Evidence {
    /// A relative risk is above (greater) or below (less) a ratio.
    Risk { risk: StagedRisk, alternative: Alternative, ratio: f64 },
    /// A share of what was decided.
    Share { process: BetaBinomial, wins: u64, losses: u64 },
    /// A difference is on the better side of a value.
    Difference { difference: StagedDifference, at: f64, better: Better },
    /// Bounds on a difference lie on the better side of a value; they have no e-value.
    Bounds { bounds: Interval, at: f64, better: Better },
}

/// How much worse a candidate may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Limit {
    /// This many times legacy's.
    Ratio(f64),
    /// By so much: of events a fraction of their risk, of numbers in their own unit.
    Margin(f64),
}

impl Limit {
    /// The limit of a relative risk.
    pub(super) fn ratio(self) -> f64 {
        match self {
            Limit::Ratio(ratio) => ratio,
            Limit::Margin(margin) => 1.0 + margin,
        }
    }

    /// The limit of a mean: how many times legacy's is subtracted, and what the rest must be better than.
    pub(super) fn of_number(self, better: Better) -> (f64, f64) {
        match (self, better) {
            (Limit::Ratio(ratio), Better::Lower) => (ratio, 0.0),
            (Limit::Ratio(ratio), Better::Higher) => (2.0 - ratio, 0.0),
            (Limit::Margin(margin), Better::Lower) => (1.0, margin),
            (Limit::Margin(margin), Better::Higher) => (1.0, -margin),
        }
    }
}

impl Evidence {
    /// The natural logarithm of the e-value; `None`: the statement is proven by bounds alone.
    pub(super) fn log_e(&self) -> Option<f64> {
        self.after(1.0)
    }

    /// Whether it suffices at a level.
    pub(super) fn suffices(&self, alpha: f64) -> bool {
        match self {
            Evidence::Bounds { bounds, at, better: Better::Higher } => bounds.lower > *at,
            Evidence::Bounds { bounds, at, better: Better::Lower } => bounds.upper < *at,
            _ => self.log_e().is_some_and(|log_e| suffices(log_e, alpha)),
        }
    }

    /// How many times as much of the same would suffice, 1 where it does already; `None`: not a thousand times.
    pub(super) fn times_needed(&self, alpha: f64) -> Option<f64> {
        if self.suffices(alpha) {
            return Some(1.0);
        }
        let enough = |times: f64| self.after(times).is_some_and(|log_e| suffices(log_e, alpha));
        if !enough(FARTHEST) {
            return None;
        }
        let (mut low, mut high) = (0.0_f64, FARTHEST.ln());
        for _ in 0..40 {
            let middle = 0.5 * (low + high);
            *(if enough(middle.exp()) { &mut high } else { &mut low }) = middle;
        }
        Some(high.exp())
    }

    /// The log e-value after so many times as much of the same.
    fn after(&self, times: f64) -> Option<f64> {
        match self {
            Evidence::Risk { risk, alternative, ratio } => {
                risk.scaled(times).log_e(*alternative, *ratio).ok()
            }
            Evidence::Share { process, wins, losses } => {
                let more = |count: u64| (count as f64 * times).round() as u64;
                Some(process.log_e(more(*wins), more(*losses)))
            }
            Evidence::Difference { difference, at, better } => {
                let on_side = match better {
                    Better::Higher => difference.estimate() > *at,
                    Better::Lower => difference.estimate() < *at,
                };
                let log_e = difference.scaled(times).log_e(*at);
                Some(if on_side { log_e } else { log_e.min(0.0) })
            }
            Evidence::Bounds { .. } => None,
        }
    }
}
