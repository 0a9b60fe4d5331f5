//! The empirical Bernstein confidence sequence with predictable plug-in bets (Waudby-Smith and Ramdas 2023, Theorem 2).
//!
//! With bets l and psi(l) = -ln(1 - l) - l, the lower end after x_1 .. x_t in [0, 1] is
//! (sum l x - ln(2/alpha) - sum (x_i - mean_(i-1))^2 psi(l)) / sum l, the first mean being 0; the upper end is that of
//! 1 - x. Two-sided it is two one-sided sequences at alpha / 2.

use serde::Deserialize;
use serde::Serialize;

use crate::stats::Interval;
use crate::stats::Undefined;
use crate::stats::bounded::bets::Bets;
use crate::stats::bounded::within;
use crate::stats::finite;
use crate::stats::open_unit;
use crate::stats::positive;

/// The sequence for the mean of observations between two numbers, with what it has seen so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EmpiricalBernstein {
    lowest: f64,
    highest: f64,
    ln_inverse_alpha: f64,
    truncation: f64,
    bets: Bets,
    sum_of_bets: f64,
    won: f64,
    penalty_from_below: f64,
    penalty_from_above: f64,
    running_lower: f64,
    running_upper: f64,
}

impl EmpiricalBernstein {
    /// A sequence that holds the mean at all times with probability 1 - `alpha`, for observations from `lowest` to
    /// `highest`; bets stay below `truncation`, 1/2 as a rule.
    ///
    /// # Errors
    /// When the range is empty or endless, or `alpha` or `truncation` not within (0, 1).
    pub fn new(lowest: f64, highest: f64, alpha: f64, truncation: f64) -> Result<Self, Undefined> {
        let lowest = finite("the lowest value", lowest)?;
        positive("the range", highest - lowest)?;
        Ok(Self {
            lowest,
            highest,
            ln_inverse_alpha: -(0.5 * open_unit("alpha", alpha)?).ln(),
            truncation: open_unit("the truncation", truncation)?,
            bets: Bets::default(),
            sum_of_bets: 0.0,
            won: 0.0,
            penalty_from_below: 0.0,
            penalty_from_above: 0.0,
            running_lower: 0.0,
            running_upper: 1.0,
        })
    }

    /// Takes an observation.
    ///
    /// # Errors
    /// When it lies outside the range, or is no number; it is left out then. Cutting it off instead would void the
    /// guarantee unless the rule was fixed beforehand.
    pub fn add(&mut self, x: f64) -> Result<(), Undefined> {
        let x = within(self.lowest, self.highest, x)?;
        let x = (x - self.lowest) / (self.highest - self.lowest);
        let bet = self.bets.next(self.ln_inverse_alpha).min(self.truncation);
        let psi = -(-bet).ln_1p() - bet;
        let (before, before_mirrored) = self.bets.mean().map_or((0.0, 0.0), |mean| (mean, 1.0 - mean));
        self.penalty_from_below += (x - before).powi(2) * psi;
        self.penalty_from_above += (1.0 - x - before_mirrored).powi(2) * psi;
        self.sum_of_bets += bet;
        self.won += bet * x;
        self.bets.add(x);
        let Interval { lower, upper } = self.within_unit();
        self.running_lower = self.running_lower.max(lower);
        self.running_upper = self.running_upper.min(upper);
        Ok(())
    }

    /// The sequence at this time.
    ///
    /// # Errors
    /// Before the first observation.
    pub fn interval(&self) -> Result<Interval, Undefined> {
        if self.bets.seen() == 0 {
            return Err(Undefined::NoObservations);
        }
        Ok(self.scaled(self.within_unit()))
    }

    /// What all times so far have in common, which is narrower and holds the mean with the same probability.
    ///
    /// # Errors
    /// Before the first observation; [`Undefined::Drift`] when nothing is left.
    pub fn running(&self) -> Result<Interval, Undefined> {
        if self.bets.seen() == 0 {
            return Err(Undefined::NoObservations);
        }
        if self.running_lower > self.running_upper {
            return Err(Undefined::Drift);
        }
        Ok(self.scaled(Interval { lower: self.running_lower, upper: self.running_upper }))
    }

    /// The sequence for the observations scaled to [0, 1].
    fn within_unit(&self) -> Interval {
        let lost = self.sum_of_bets - self.won;
        let end = |won: f64, penalty: f64| (won - self.ln_inverse_alpha - penalty) / self.sum_of_bets;
        Interval {
            lower: end(self.won, self.penalty_from_below).max(0.0),
            upper: 1.0 - end(lost, self.penalty_from_above).max(0.0),
        }
    }

    fn scaled(&self, unit: Interval) -> Interval {
        let scale = |share: f64| self.lowest * (1.0 - share) + self.highest * share;
        Interval { lower: scale(unit.lower), upper: scale(unit.upper) }
    }
}
