//! Statistics that may be read at any time: evidence, confidence sequences, traffic health.
//!
//! A dashboard is looked at continuously, so what decides is an e-process: at a true null its value stays below
//! 1/alpha for ever with probability 1 - alpha, however often it is read. The few classical figures here are for
//! display. What has no value is [`Undefined`] with its reason, never 0 or NaN. Evidence is kept as the natural
//! logarithm of the e-value; that of independent stages adds up. Pure: counts in, numbers out.

mod allocation;
mod asymptotic;
mod best_arm;
mod beta_binomial;
mod bootstrap;
pub mod boundary;
mod bounded;
mod checks;
mod chi_square;
mod clusters;
mod cuped;
mod decay;
mod delong;
mod e_value;
mod event_share;
mod fisher;
mod kolmogorov;
mod kolmogorov_tail;
mod means;
mod moments;
mod msprt;
mod multiple;
mod off_policy;
mod order_statistics;
mod paired;
mod passage;
mod permutation;
mod poisson_bootstrap;
mod power;
mod proportions;
mod quantile;
mod ranks;
mod ratio;
mod root;
mod sample_ratio;
mod signed_rank;
mod size;
mod sketch;
mod special;
mod spending;
mod staged;
mod tails;
mod track_and_stop;
mod votes;

#[cfg(test)]
mod tests;

pub use allocation::Allocation;
pub use allocation::TopTwo;
pub use asymptotic::AsymptoticCs;
pub use asymptotic::MeanDifference;
pub use asymptotic::Tuning;
pub use asymptotic::asymptotic_rho2;
pub use best_arm::BetaPosterior;
pub use best_arm::best_arm_probabilities;
pub use beta_binomial::BetaBinomial;
pub use beta_binomial::prior_strength;
pub use beta_binomial::share_cs;
pub use beta_binomial::tuned_share_cs;
pub use bootstrap::bootstrap_replicates;
pub use bootstrap::cluster_bootstrap_replicates;
pub use bootstrap::mean;
pub use bootstrap::percentile_interval;
pub use bootstrap::weighted_mean_replicates;
pub use bounded::BettingCs;
pub use bounded::BettingProcess;
pub use bounded::BettingSettings;
pub use bounded::EmpiricalBernstein;
pub use chi_square::sample_ratio_chi_square;
pub use clusters::ClusteredMean;
pub use clusters::IntraclassCorrelation;
pub use clusters::clustered_mean;
pub use clusters::intraclass_correlation;
pub use cuped::Cuped;
pub use cuped::Slope;
pub use cuped::cuped;
pub use decay::DecayingMean;
pub use delong::DeLong;
pub use delong::delong;
pub use e_value::CombinedE;
pub use e_value::combine_e;
pub use e_value::p_to_e;
pub use event_share::EventShare;
pub use kolmogorov::Smirnov;
pub use kolmogorov::SmirnovNull;
pub use kolmogorov::smirnov;
pub use means::TTest;
pub use means::paired_t;
pub use means::welch;
pub use means::welch_interval;
pub use means::welch_non_inferiority;
pub use moments::Covariance;
pub use moments::Moments;
pub use msprt::Msprt;
pub use multiple::Adjusted;
pub use multiple::Adjustment;
pub use multiple::adjust_p;
pub use multiple::e_discoveries;
pub use off_policy::Decision;
pub use off_policy::ModelledPolicy;
pub use off_policy::OffPolicy;
pub use off_policy::Overlap;
pub use off_policy::PolicyValue;
pub use off_policy::WeakOverlap;
pub use off_policy::target_probability;
pub use order_statistics::histogram_quantile;
pub use order_statistics::inverted_cdf;
pub use order_statistics::linear_quantile;
pub use paired::ChiSquareTest;
pub use paired::mcnemar_chi_square;
pub use paired::mcnemar_exact;
pub use paired::mcnemar_mid_p;
pub use paired::sign_test;
pub use permutation::permutation_mean_difference;
pub use poisson_bootstrap::PoissonBootstrap;
pub use poisson_bootstrap::REPLICATES;
pub use poisson_bootstrap::poisson_weight;
pub use power::Demand;
pub use power::least_detectable_difference;
pub use power::sample_size_arcsine;
pub use power::sample_size_pooled;
pub use power::sample_size_t;
pub use power::total_for_proportions;
pub use proportions::TwoProportions;
pub use proportions::ZTest;
pub use proportions::clopper_pearson;
pub use proportions::wilson;
pub use quantile::Bucket;
pub use quantile::CdfBand;
pub use quantile::DoubleStitching;
pub use quantile::QuantileRanks;
pub use quantile::quantile_difference_p;
pub use quantile::quantile_ranks;
pub use ranks::Continuity;
pub use ranks::MannWhitney;
pub use ranks::RankNull;
pub use ranks::hodges_lehmann;
pub use ranks::mann_whitney;
pub use ratio::Lift;
pub use ratio::Ratio;
pub use ratio::ratio_of_totals;
pub use ratio::relative_lift;
pub use sample_ratio::SampleRatio;
pub use signed_rank::SignedRank;
pub use signed_rank::ZeroDifferences;
pub use signed_rank::signed_rank;
pub use size::RateEffect;
pub use size::Size;
pub use size::design_effect;
pub use size::pairs_for_shadow;
pub use size::requests_for_event_share;
pub use size::requests_for_proportions;
pub use size::users_for_votes;
pub use sketch::QuantileSketch;
pub use spending::Look;
pub use spending::Spending;
pub use spending::spending_bounds;
pub use staged::StageDifference;
pub use staged::StageEvents;
pub use staged::StagedDifference;
pub use staged::StagedRisk;
pub use track_and_stop::ArmMoments;
pub use track_and_stop::Tracking;
pub use track_and_stop::track_and_stop;
pub use track_and_stop::track_and_stop_weights;
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
    /// There are observations, and too few.
    #[error("fewer than {needed} observations")]
    TooFew {
        /// How many it takes.
        needed: usize,
    },
    /// All numbers are equal, so their spread says nothing.
    #[error("the observations do not vary")]
    NoVariance,
    /// What is to be divided by is 0.
    #[error("the baseline is zero")]
    ZeroBaseline,
    /// Only positives, or only negatives.
    #[error("just one class was observed")]
    OneClass,
    /// The target never does what the logs show, so they say nothing about it.
    #[error("no logged action could have been the target's")]
    NoOverlap,
    /// Nothing differs in the direction that is looked for, so no sample is large enough.
    #[error("there is no effect to find")]
    NoEffect,
    /// The test does not tell so slight an effect from none, however many observations it gets.
    #[error("the effect is too slight for this test")]
    TooSlight,
    /// The result is beyond the largest floating-point number.
    #[error("the values are too large to be computed with")]
    TooLarge,
    /// A value is NaN or infinite.
    #[error("a value is NaN or infinite")]
    NotFinite,
    /// Sequences that belong together differ in length.
    #[error("sequences that belong together differ in length")]
    Lengths,
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

impl Undefined {
    /// Says whether what was given cannot be right; otherwise it is sound, and has no such statistic.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Undefined::NotFinite | Undefined::Lengths | Undefined::Parameter { .. })
    }
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

/// A probability between 0 and 1, both included.
fn closed_unit(name: &'static str, value: f64) -> Result<f64, Undefined> {
    let inside = (0.0..=1.0).contains(&value);
    inside.then_some(value).ok_or(Undefined::Parameter { name, value, expected: "between 0 and 1" })
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
