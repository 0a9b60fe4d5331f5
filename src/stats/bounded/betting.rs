//! Betting against a mean: the hedged capital process and the confidence sequence of the means it cannot ruin
//! (Waudby-Smith and Ramdas 2023, sections 4.1 to 4.3).
//!
//! One player bets that the mean is above m, one that it is below: K+ = prod(1 + l+ (x - m)), K- = prod(1 - l- (x - m)),
//! where l+ is the plug-in bet at alpha / 2, at most c / m, and l- at most c / (1 - m). At the true mean
//! max(theta K+, (1 - theta) K-) is an e-process. Capital is kept as its logarithm.

use serde::Deserialize;
use serde::Serialize;

use crate::stats::Interval;
use crate::stats::Undefined;
use crate::stats::bounded::bets::Bets;
use crate::stats::bounded::within;
use crate::stats::open_unit;

/// How bets are made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BettingSettings {
    /// The level that bets are tuned for, and that of the confidence sequence.
    pub alpha: f64,
    /// The share of the capital that bets on a mean above; 1/2 as a rule.
    pub theta: f64,
    /// c: the most of a player's capital that one observation can take; 1/2 as a rule.
    pub truncation: f64,
}

/// The process against one mean, with what it has seen so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BettingProcess {
    settings: BettingSettings,
    bets: Bets,
    capital: Capital,
}

/// The confidence sequence over a grid of means, with what it has seen so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BettingCs {
    settings: BettingSettings,
    bets: Bets,
    grid: Vec<Capital>,
}

/// What the two players against one mean own.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Capital {
    mean: f64,
    ln_above: f64,
    ln_below: f64,
}

impl BettingSettings {
    /// The usual settings at a level: half the capital either way, half of it at stake at most.
    pub fn at(alpha: f64) -> Self {
        Self { alpha, theta: 0.5, truncation: 0.5 }
    }

    fn checked(self) -> Result<Self, Undefined> {
        open_unit("alpha", self.alpha)?;
        open_unit("the truncation", self.truncation)?;
        unit("theta", self.theta)?;
        Ok(self)
    }

    fn next_bet(&self, bets: &Bets) -> f64 {
        bets.next(-(0.5 * self.alpha).ln())
    }
}

impl BettingProcess {
    /// A process against the null that observations between 0 and 1 have this mean.
    ///
    /// # Errors
    /// When `mean` or `theta` is not within [0, 1], or `alpha` or the truncation not within (0, 1).
    pub fn new(mean: f64, settings: BettingSettings) -> Result<Self, Undefined> {
        let capital = Capital::at(unit("the mean of the null", mean)?);
        Ok(Self { settings: settings.checked()?, bets: Bets::default(), capital })
    }

    /// Takes an observation.
    ///
    /// # Errors
    /// When it is not within [0, 1]; it is left out then.
    pub fn add(&mut self, x: f64) -> Result<(), Undefined> {
        let x = within(0.0, 1.0, x)?;
        self.capital.bet(self.settings.next_bet(&self.bets), self.settings.truncation, x);
        self.bets.add(x);
        Ok(())
    }

    /// The log of the capital, which is a log e-value.
    pub fn log_e(&self) -> f64 {
        self.capital.ln_hedged(self.settings.theta)
    }
}

impl BettingCs {
    /// A sequence for the mean of observations between 0 and 1, tested at i / `steps` for i from 0 to `steps`; 1000
    /// is usual.
    ///
    /// # Errors
    /// When there is no step, or a setting is outside its range.
    pub fn new(steps: u32, settings: BettingSettings) -> Result<Self, Undefined> {
        if steps == 0 {
            let (name, expected) = ("the number of steps of the grid", "1 or more");
            return Err(Undefined::Parameter { name, value: 0.0, expected });
        }
        let at = |step| Capital::at(f64::from(step) / f64::from(steps));
        let grid = (0..=steps).map(at).collect();
        Ok(Self { settings: settings.checked()?, bets: Bets::default(), grid })
    }

    /// Takes an observation; the work grows with the grid.
    ///
    /// # Errors
    /// When it is not within [0, 1]; it is left out then.
    pub fn add(&mut self, x: f64) -> Result<(), Undefined> {
        let x = within(0.0, 1.0, x)?;
        let bet = self.settings.next_bet(&self.bets);
        for capital in &mut self.grid {
            capital.bet(bet, self.settings.truncation, x);
        }
        self.bets.add(x);
        Ok(())
    }

    /// The means that are not refuted, widened by a step either way, because the grid is coarse. When every one on
    /// the grid is refuted, the one that is not lies between two of them: the whole range then.
    ///
    /// # Errors
    /// Before the first observation.
    pub fn interval(&self) -> Result<Interval, Undefined> {
        if self.bets.seen() == 0 {
            return Err(Undefined::NoObservations);
        }
        let needed = -self.settings.alpha.ln();
        let mut kept = self
            .grid
            .iter()
            .filter(|capital| capital.ln_hedged(self.settings.theta) <= needed)
            .map(|c| c.mean);
        let Some(first) = kept.next() else { return Ok(Interval { lower: 0.0, upper: 1.0 }) };
        let last = kept.next_back().unwrap_or(first);
        let step = 1.0 / (self.grid.len() - 1) as f64;
        Ok(Interval { lower: (first - step).max(0.0), upper: (last + step).min(1.0) })
    }
}

impl Capital {
    fn at(mean: f64) -> Self {
        Self { mean, ln_above: 0.0, ln_below: 0.0 }
    }

    fn bet(&mut self, bet: f64, truncation: f64, x: f64) {
        let gain = x - self.mean;
        self.ln_above += (bet.min(truncation / self.mean) * gain).ln_1p();
        self.ln_below += (-bet.min(truncation / (1.0 - self.mean)) * gain).ln_1p();
    }

    fn ln_hedged(&self, theta: f64) -> f64 {
        (theta.ln() + self.ln_above).max((-theta).ln_1p() + self.ln_below)
    }
}

/// A number from 0 to 1.
fn unit(name: &'static str, value: f64) -> Result<f64, Undefined> {
    let inside = (0.0..=1.0).contains(&value);
    inside.then_some(value).ok_or(Undefined::Parameter { name, value, expected: "a number from 0 to 1" })
}
