//! How long an experiment will take: the requests until each kind of test has probably found an effect.
//!
//! For one look at the end, and for the tests that decide here, which may be read at any time and pay for it. All
//! counts are expectations under the assumed effect, rounded up.

use serde::Serialize;

use crate::stats::Demand;
use crate::stats::Undefined;
use crate::stats::checks::finite;
use crate::stats::open_unit;
use crate::stats::positive;
use crate::stats::tails::normal_quantile;
use crate::stats::total_for_proportions;

/// How many times more observations a test takes that may be read at any time.
///
/// Measured by simulation, as the size at which the e-process has found the effect with the power asked for over
/// that of the test at a fixed size.
pub const ANY_TIME_SURCHARGE: f64 = 1.6;

/// How many it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Size {
    /// For one look at a size fixed beforehand.
    pub one_look: u64,
    /// For a test that may be read at any time.
    pub any_time: u64,
}

impl Size {
    fn of(observations: f64) -> Result<Self, Undefined> {
        let counted = |observations: f64| match observations.ceil() {
            whole if whole < u64::MAX as f64 => Ok(whole as u64),
            _ => Err(Undefined::TooLarge),
        };
        Ok(Self { one_look: counted(observations)?, any_time: counted(observations * ANY_TIME_SURCHARGE)? })
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

/// The requests of both arms until an A/B test of two proportions finds the effect.
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
    Size::of(design_effect * total_for_proportions(base, candidate, effect.candidate_share, demand)?)
}

/// The requests of both arms until the share of events that are the candidate's, which [`EventShare`] watches, finds
/// the effect: by the binomial test of the share of traffic against the share of events.
///
/// # Errors
/// As [`requests_for_proportions`].
///
/// [`EventShare`]: crate::stats::EventShare
pub fn requests_for_event_share(
    effect: RateEffect,
    demand: Demand,
    design_effect: f64,
) -> Result<Size, Undefined> {
    let design_effect = positive("the design effect", design_effect)?;
    let (base, candidate) = effect.rates()?;
    let share = open_unit("the candidate's share", effect.candidate_share)?;
    let rate = share * candidate + (1.0 - share) * base;
    let events = trials_for_share(share, share * candidate / rate, demand)?;
    Size::of(design_effect * events / rate)
}

/// The users until interleaving finds that the candidate is preferred in this share of the decided votes, where this
/// share of users decides for either side at all.
///
/// # Errors
/// [`Undefined::NoEffect`] when the preference is one half or not on the side that is looked for; shares and demands
/// outside their range.
pub fn users_for_votes(preference: f64, decided: f64, demand: Demand) -> Result<Size, Undefined> {
    let preference = open_unit("the preference", preference)?;
    let decided = decided_share("the share of users who decide", decided)?;
    Size::of(trials_for_share(0.5, preference, demand)? / decided)
}

/// The shadow pairs until the sequential McNemar test finds that the candidate wins this share of those in which just
/// one side is right, which are the share `discordance` of all pairs.
///
/// # Errors
/// As [`users_for_votes`].
pub fn pairs_for_shadow(win_share: f64, discordance: f64, demand: Demand) -> Result<Size, Undefined> {
    let win_share = open_unit("the candidate's share of wins", win_share)?;
    let discordance = decided_share("the share of pairs that differ", discordance)?;
    Size::of(trials_for_share(0.5, win_share, demand)? / discordance)
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
