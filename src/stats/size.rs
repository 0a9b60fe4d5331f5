//! How long an experiment will take: the requests until each kind of test has probably found an effect.
//!
//! For one look at the end, two-sided, as one would plan it on paper; and for the very tests that decide here, one-sided
//! and read after each event, which pay for that with more observations. All counts are rounded up.

#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::stats::Alternative;
use crate::stats::BetaBinomial;
use crate::stats::Demand;
use crate::stats::StageEvents;
use crate::stats::StagedRisk;
use crate::stats::Undefined;
use crate::stats::checks::finite;
use crate::stats::open_unit;
use crate::stats::passage::Passage;
use crate::stats::passage::Trials;
use crate::stats::positive;
use crate::stats::tails::normal_quantile;
use crate::stats::total_for_proportions;

/// Fewer events or votes than this decide nothing, however they are distributed.
const FEWEST: u64 = 5;

/// How many it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Size {
    /// For one look at a size fixed beforehand.
    pub one_look: u64,
    /// For the test that may be read at any time, to have found the effect with the same power.
    pub any_time: u64,
    /// For that test to have found it with probability one half.
    pub any_time_median: u64,
}

impl Size {
    /// So many observations for each trial.
    fn of(one_look: f64, any_time: Trials, observations: f64) -> Result<Self, Undefined> {
        let counted = |observations: f64| match observations.ceil() {
            whole if whole < u64::MAX as f64 => Ok(whole as u64),
            _ => Err(Undefined::TooLarge),
        };
        Ok(Self {
            one_look: counted(one_look)?,
            any_time: counted(any_time.with_power * observations)?,
            any_time_median: counted(any_time.median * observations)?,
        })
    }
}

/// An expected effect on a rate of events, and who gets the candidate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateEffect {
    /// The rate under legacy.
    pub base_rate: f64,
    /// The candidate's rate over legacy's.
    pub relative_risk: f64,
    /// The candidate's share of the traffic of both arms.
    pub candidate_share: f64,
}

impl RateEffect {
    fn rates(&self) -> Result<(f64, f64), Undefined> {
        let base = open_unit("the base rate", self.base_rate)?;
        let candidate = base * positive("the relative risk", self.relative_risk)?;
        if candidate > 1.0 {
            let expected = "a rate of at most 1 under the candidate";
            return Err(Undefined::Parameter {
                name: "the relative risk",
                value: self.relative_risk,
                expected,
            });
        }
        Ok((base, candidate))
    }
}

/// How many times more requests it takes because those of one unit are alike: 1 + (m - 1) ICC for m requests a unit
/// (Kish 1965).
///
/// # Errors
/// For fewer than one request a unit, and a correlation outside [-1, 1].
pub fn design_effect(requests_per_unit: f64, icc: f64) -> Result<f64, Undefined> {
    finite(&[requests_per_unit, icc])?;
    if requests_per_unit < 1.0 {
        let expected = "1 or more";
        return Err(Undefined::Parameter { name: "requests a unit", value: requests_per_unit, expected });
    }
    if icc.abs() > 1.0 {
        let expected = "between -1 and 1";
        return Err(Undefined::Parameter { name: "the intraclass correlation", value: icc, expected });
    }
    positive("the design effect", 1.0 + (requests_per_unit - 1.0) * icc)
}

/// The requests of both arms until an A/B test finds the effect: for one look by the test of two proportions, at any
/// time by the share of events that are the candidate's.
///
/// # Errors
/// [`Undefined::NoEffect`] when the relative risk is 1 or not on the side that is looked for; rates, shares and
/// demands outside their range.
pub fn requests_for_proportions(
    effect: RateEffect,
    demand: Demand,
    design_effect: f64,
) -> Result<Size, Undefined> {
    let design_effect = positive("the design effect", design_effect)?;
    let (base, candidate) = effect.rates()?;
    let one_look = total_for_proportions(base, candidate, effect.candidate_share, demand)?;
    let (events, rate) = effect.events()?;
    Size::of(design_effect * one_look, events.trials(demand)?, design_effect / rate)
}

/// The requests of both arms until the share of events that are the candidate's finds the effect: for one look by the
/// binomial test of the share of traffic against the share of events, at any time by [`StagedRisk`].
///
/// # Errors
/// As [`requests_for_proportions`].
pub fn requests_for_event_share(
    effect: RateEffect,
    demand: Demand,
    design_effect: f64,
) -> Result<Size, Undefined> {
    let design_effect = positive("the design effect", design_effect)?;
    let (events, rate) = effect.events()?;
    let one_look = trials_for_share(effect.candidate_share, events.share, demand)?;
    Size::of(design_effect * one_look / rate, events.trials(demand)?, design_effect / rate)
}

/// The users until interleaving finds that the candidate is preferred in this share of the decided votes, where this
/// share of users decides for either side at all.
///
/// # Errors
/// [`Undefined::NoEffect`] when the preference is one half or not on the side that is looked for; shares and demands
/// outside their range.
pub fn users_for_votes(preference: f64, decided: f64, demand: Demand) -> Result<Size, Undefined> {
    let decided = decided_share("the share of users who decide", decided)?;
    let preference = decided_share("the preference", preference)?;
    for_decided(BetaBinomial::votes(Alternative::Greater), preference, decided, demand)
}

/// The shadow pairs until the sequential McNemar test finds that the candidate wins this share of those in which just
/// one side is right, which are the share `discordance` of all pairs.
///
/// # Errors
/// As [`users_for_votes`].
pub fn pairs_for_shadow(win_share: f64, discordance: f64, demand: Demand) -> Result<Size, Undefined> {
    let discordance = decided_share("the share of pairs that differ", discordance)?;
    let win_share = decided_share("the candidate's share of wins", win_share)?;
    for_decided(BetaBinomial::paired(Alternative::Greater), win_share, discordance, demand)
}

/// The observations until a test of one half finds a share of those that decide for a side.
fn for_decided(process: BetaBinomial, share: f64, decided: f64, demand: Demand) -> Result<Size, Undefined> {
    let one_look = trials_for_share(0.5, share, demand)?;
    let log_e =
        |hits: u64, misses: u64| from_fewest(hits, misses, |hits, misses| process.log_e(hits, misses));
    // Wins and losses are alike to the test.
    let passage = Passage { share: share.max(1.0 - share), alpha: demand.alpha, log_e };
    Size::of(one_look / decided, passage.trials(demand.power)?, 1.0 / decided)
}

/// Events of two arms, as trials: whose is the next one?
struct Events {
    /// The candidate's share of the traffic.
    traffic: f64,
    /// The candidate's share of the events.
    share: f64,
}

impl RateEffect {
    /// The events, and how many there are a request.
    fn events(&self) -> Result<(Events, f64), Undefined> {
        let (base, candidate) = self.rates()?;
        let traffic = open_unit("the candidate's share", self.candidate_share)?;
        let rate = traffic * candidate + (1.0 - traffic) * base;
        Ok((Events { traffic, share: traffic * candidate / rate }, rate))
    }
}

impl Events {
    /// How many there are until the verdict's test has found that one arm has more than its share of traffic.
    fn trials(&self, demand: Demand) -> Result<Trials, Undefined> {
        let Self { traffic, share } = *self;
        demand.size_of(share - traffic)?;
        let log_e = |candidate: u64, legacy: u64, alternative| {
            let risk = StagedRisk::of([StageEvents { share: traffic, candidate, legacy }]);
            // The share was found to be within (0, 1), so there is a stage to compare.
            from_fewest(candidate, legacy, |_, _| risk.log_e(alternative, 1.0).unwrap_or(0.0))
        };
        let Demand { alpha, power, .. } = demand;
        if share > traffic {
            let log_e = |own: u64, legacy: u64| log_e(own, legacy, Alternative::Greater);
            Passage { share, alpha, log_e }.trials(power)
        } else {
            let log_e = |legacy: u64, own: u64| log_e(own, legacy, Alternative::Less);
            Passage { share: 1.0 - share, alpha, log_e }.trials(power)
        }
    }
}

/// No evidence before there are a few trials.
fn from_fewest(hits: u64, misses: u64, log_e: impl Fn(u64, u64) -> f64) -> f64 {
    if hits + misses < FEWEST { 0.0 } else { log_e(hits, misses) }
}

fn decided_share(name: &'static str, value: f64) -> Result<f64, Undefined> {
    if value == 1.0 { Ok(value) } else { open_unit(name, value) }
}

/// The trials for the binomial test to tell a share from that of the null, by the normal approximation.
fn trials_for_share(null: f64, share: f64, demand: Demand) -> Result<f64, Undefined> {
    let effect = demand.size_of(share - null)?;
    let deviation = |share: f64| (share * (1.0 - share)).sqrt();
    let (false_alarm, miss) = (normal_quantile(demand.tail()?), normal_quantile(1.0 - demand.power));
    Ok(((false_alarm * deviation(null) + miss * deviation(share)) / effect).powi(2))
}
