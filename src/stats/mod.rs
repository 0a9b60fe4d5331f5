//! Statistics that may be read at any time: evidence, confidence sequences, traffic health.
//!
//! A dashboard is looked at continuously, so what decides is an e-process: at a true null its value stays below
//! 1/alpha for ever with probability 1 - alpha, however often it is read. The few classical figures here are for
//! display. What has no value is [`Undefined`] with its reason, never 0 or NaN. Evidence is kept as the natural
//! logarithm of the e-value; that of independent stages adds up. Pure: counts in, numbers out.

mod asymptotic;
mod beta_binomial;
pub mod boundary;
mod bounded;
mod classical;
mod e_value;
mod event_share;
mod msprt;
mod quantile;
mod root;
mod sample;
mod sample_ratio;
mod special;
mod spending;
mod staged;
mod votes;

#[cfg(test)]
mod tests;

pub use asymptotic::AsymptoticCs;
pub use asymptotic::MeanDifference;
pub use asymptotic::Tuning;
pub use asymptotic::asymptotic_rho2;
pub use beta_binomial::BetaBinomial;
pub use beta_binomial::prior_strength;
pub use beta_binomial::share_cs;
pub use beta_binomial::tuned_share_cs;
pub use bounded::BettingCs;
pub use bounded::BettingProcess;
pub use bounded::BettingSettings;
pub use bounded::EmpiricalBernstein;
pub use classical::mcnemar_mid_p;
pub use classical::sign_test;
pub use classical::wilson;
pub use e_value::CombinedE;
pub use e_value::combine_e;
pub use e_value::p_to_e;
pub use event_share::EventShare;
pub use msprt::Msprt;
pub use quantile::Bucket;
pub use quantile::CdfBand;
pub use quantile::DoubleStitching;
pub use quantile::QuantileRanks;
pub use quantile::quantile_difference_p;
pub use quantile::quantile_ranks;
pub use sample::Sample;
pub use sample_ratio::SampleRatio;
pub use spending::Look;
pub use spending::Spending;
pub use spending::spending_bounds;
pub use staged::StageDifference;
pub use staged::StageEvents;
pub use staged::StagedDifference;
pub use staged::StagedRisk;
pub use votes::Votes;
pub use votes::VotesSummary;

use serde::Deserialize;
use serde::Serialize;

/// Why a statistic has no value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Undefined {
    /// There is nothing to compute from.
    #[error("nothing was observed yet")]
    NoObservations,
    /// Whatever was observed says nothing either way: only ties, only pairs that agree.
    #[error("no observation prefers either side")]
    NothingDecided,
    /// One arm gets everything.
    #[error("one arm gets all the traffic, so there is nothing to compare it with")]
    NoControl,
    /// All numbers are equal, so their spread says nothing.
    #[error("the observations do not vary")]
    NoVariance,
    /// No single effect fits all stages.
    #[error("the stages contradict each other: no effect agrees with all of them")]
    StagesDisagree,
    /// No single mean fits what was observed early and late.
    #[error("the observations drift: no mean agrees with all of them")]
    Drift,
    /// A parameter is outside its range.
    #[error("{name} is {value}, expected {expected}")]
    Parameter {
        /// What it is called.
        name: &'static str,
        /// What it is.
        value: f64,
        /// What it must be.
        expected: &'static str,
    },
}

/// What is looked for, as against the null.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Alternative {
    /// Either more or less.
    TwoSided,
    /// More than under the null.
    Greater,
    /// Less than under the null.
    Less,
}

/// A range of values; a bound may be infinite, never NaN.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The lower end.
    pub lower: f64,
    /// The upper end.
    pub upper: f64,
}

/// The p-value that an e-process allows at any time: the least min(1, 1/e) so far (Johari and others 2022).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AlwaysValidP(f64);

impl Default for AlwaysValidP {
    fn default() -> Self {
        Self(1.0)
    }
}

impl AlwaysValidP {
    /// Takes the next value of the process and gives the p-value so far.
    pub fn look(&mut self, log_e: f64) -> f64 {
        self.0 = self.0.min((-log_e).exp());
        self.0
    }
}

/// Says whether evidence suffices at a level: e is at least 1/alpha (Ville 1939).
pub fn suffices(log_e: f64, alpha: f64) -> bool {
    log_e >= -alpha.ln()
}

/// A probability strictly between 0 and 1.
fn open_unit(name: &'static str, value: f64) -> Result<f64, Undefined> {
    let inside = value > 0.0 && value < 1.0;
    inside.then_some(value).ok_or(Undefined::Parameter {
        name,
        value,
        expected: "more than 0 and less than 1",
    })
}

/// A finite number above 0.
fn positive(name: &'static str, value: f64) -> Result<f64, Undefined> {
    let inside = value > 0.0 && value.is_finite();
    inside.then_some(value).ok_or(Undefined::Parameter { name, value, expected: "a finite number above 0" })
}

/// A number that is neither infinite nor NaN.
fn finite(name: &'static str, value: f64) -> Result<f64, Undefined> {
    value.is_finite().then_some(value).ok_or(Undefined::Parameter {
        name,
        value,
        expected: "a finite number",
    })
}
