//! How long an experiment will take: the observations until each kind of test has probably found an effect.
//!
//! For one look at the end, and for the tests that decide here, which may be read at any time and pay for it. What they
//! pay depends on the effect and on the prior: with a power of 0.8 from 1.5 times as many observations (a level of 0.01,
//! a doubled risk) to 3 times (0.05, a risk of 1.2). So it is not a factor but computed from the process itself
//! (`crate::stats::passage`). All sizes are rounded up.

use serde::Serialize;

use crate::stats::Alternative;
use crate::stats::BetaBinomial;
use crate::stats::Demand;
use crate::stats::EventShare;
use crate::stats::StageEvents;
use crate::stats::StagedRisk;
use crate::stats::Undefined;
use crate::stats::checks::finite;
use crate::stats::open_unit;
use crate::stats::passage::trials_at_any_time;
use crate::stats::positive;
use crate::stats::tails::normal_quantile;
use crate::stats::total_for_proportions;

/// How many it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Size {
    /// For one look at a size fixed beforehand.
    pub one_look: u64,
    /// For a test that may be read at any time.
    pub any_time: u64,
}

impl Size {
    fn of(one_look: f64, any_time: f64) -> Result<Self, Undefined> {
        let counted = |observations: f64| match observations.ceil() {
            whole if whole < u64::MAX as f64 => Ok(whole as u64),
            _ => Err(Undefined::TooLarge),
        };
        Ok(Self { one_look: counted(one_look)?, any_time: counted(any_time)? })
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

/// The requests of both arms until an A/B test of two proportions finds the effect: at one look the test with a common
/// variance, at any time the share of events, or of what is not an event where that is rarer, by [`EventShare`].
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
    let any_time = if base <= 0.5 {
        Events::of(base, candidate, effect.candidate_share)?.requests_by_share(demand)?
    } else {
        let alternative = opposite(demand.alternative);
        Events::of(1.0 - base, 1.0 - candidate, effect.candidate_share)?
            .requests_by_share(Demand { alternative, ..demand })?
    };
    Size::of(design_effect * one_look, design_effect * any_time)
}

/// The requests of both arms until a guardrail finds a raised or a lowered rate of events by the candidate's share of
/// them: at one look by the binomial test, at any time by [`StagedRisk`].
///
/// # Errors
/// As [`requests_for_proportions`], and [`Undefined::TooSlight`] for a relative risk within about 1.15, which
/// [`StagedRisk`] never finds.
pub fn requests_for_event_share(
    effect: RateEffect,
    demand: Demand,
    design_effect: f64,
) -> Result<Size, Undefined> {
    let design_effect = positive("the design effect", design_effect)?;
    let (base, candidate) = effect.rates()?;
    let events = Events::of(base, candidate, effect.candidate_share)?;
    let one_look = trials_for_share(events.null, events.share, demand)? / events.rate;
    Size::of(design_effect * one_look, design_effect * events.requests_by_staged_risk(demand)?)
}

/// The users until interleaving finds that the candidate is preferred in this share of the decided votes, where this
/// share of users decides for either side at all.
///
/// # Errors
/// [`Undefined::NoEffect`] when the preference is one half or not on the side that is looked for; shares and demands
/// outside their range.
pub fn users_for_votes(preference: f64, decided: f64, demand: Demand) -> Result<Size, Undefined> {
    let preference = open_unit("the preference", preference)?;
    let decided = part("the share of users who decide", decided)?;
    halves(preference, decided, demand, BetaBinomial::votes(demand.alternative))
}

/// The shadow pairs until the sequential McNemar test finds that the candidate wins this share of those in which just
/// one side is right, which are the share `discordance` of all pairs.
///
/// # Errors
/// As [`users_for_votes`].
pub fn pairs_for_shadow(win_share: f64, discordance: f64, demand: Demand) -> Result<Size, Undefined> {
    let win_share = open_unit("the candidate's share of wins", win_share)?;
    let discordance = part("the share of pairs that differ", discordance)?;
    halves(win_share, discordance, demand, BetaBinomial::paired(demand.alternative))
}

/// Trials of which this share counts, against a null of one half.
fn halves(share: f64, counts: f64, demand: Demand, process: BetaBinomial) -> Result<Size, Undefined> {
    let one_look = trials_for_share(0.5, share, demand)?;
    let any_time = trials_at_any_time(0.5, share, demand, |s, f| process.log_e(s, f))?;
    Size::of(one_look / counts, any_time / counts)
}

/// What becomes of events: how many requests have one, and how often it is the candidate's, then and under the null.
struct Events {
    rate: f64,
    share: f64,
    null: f64,
}

impl Events {
    fn of(base: f64, candidate: f64, null: f64) -> Result<Self, Undefined> {
        let null = open_unit("the candidate's share", null)?;
        let rate = null * candidate + (1.0 - null) * base;
        Ok(Self { rate, share: null * candidate / rate, null })
    }

    fn requests_by_share(&self, demand: Demand) -> Result<f64, Undefined> {
        let test = EventShare::new(self.null, 1.0)?;
        let log_e = |candidate, legacy| test.log_e(demand.alternative, candidate, legacy);
        Ok(trials_at_any_time(self.null, self.share, demand, log_e)? / self.rate)
    }

    fn requests_by_staged_risk(&self, demand: Demand) -> Result<f64, Undefined> {
        let log_e = |candidate, legacy| {
            let stage = StageEvents { share: self.null, candidate, legacy };
            StagedRisk::of([stage]).log_e(demand.alternative, 1.0).unwrap_or(0.0)
        };
        Ok(trials_at_any_time(self.null, self.share, demand, log_e)? / self.rate)
    }
}

/// A share that may be all.
fn part(name: &'static str, value: f64) -> Result<f64, Undefined> {
    if value == 1.0 { Ok(value) } else { open_unit(name, value) }
}

fn opposite(alternative: Alternative) -> Alternative {
    match alternative {
        Alternative::Greater => Alternative::Less,
        Alternative::Less => Alternative::Greater,
        Alternative::TwoSided => Alternative::TwoSided,
    }
}

/// The trials for the binomial test to tell a share from that of the null, by the normal approximation.
fn trials_for_share(null: f64, share: f64, demand: Demand) -> Result<f64, Undefined> {
    let effect = demand.size_of(share - null)?;
    let deviation = |share: f64| (share * (1.0 - share)).sqrt();
    let (false_alarm, miss) = (normal_quantile(demand.tail()?), normal_quantile(1.0 - demand.power));
    Ok(((false_alarm * deviation(null) + miss * deviation(share)) / effect).powi(2))
}
