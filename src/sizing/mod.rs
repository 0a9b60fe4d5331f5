//! How long would it take? The four strategies side by side, for one expected effect and one traffic.
//!
//! Each is reckoned in requests of all arms together, so that they can be compared: an A/B test by halves, a canary at a
//! small share, interleaving by users' votes, and shadow pairs. What is not told of votes and pairs is derived from the
//! two rates: answers of the two models are taken as independent, and users as choosing in proportion to the rates.

#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::stats::Alternative;
use crate::stats::Demand;
use crate::stats::RateEffect;
use crate::stats::Size;
use crate::stats::Undefined;
use crate::stats::design_effect;
use crate::stats::pairs_for_shadow;
use crate::stats::requests_for_event_share;
use crate::stats::requests_for_proportions;
use crate::stats::users_for_votes;
use crate::vocab::StrategyKind;

const SECONDS_A_DAY: f64 = 86_400.0;

/// What is expected, and what is asked of the test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Expected {
    /// How often what is counted happens to legacy's requests.
    pub base_rate: f64,
    /// How often to the candidate's.
    pub candidate_rate: f64,
    /// The candidate's share of a canary's traffic.
    pub split: f64,
    /// The chance of a false alarm.
    pub alpha: f64,
    /// The chance to find the effect.
    pub power: f64,
    /// How many requests each user makes during the test.
    pub requests_per_user: f64,
    /// How alike the requests of one user are: their intraclass correlation.
    pub icc: f64,
    /// The share of votes for the candidate; `None`: as the rates stand to each other.
    pub preference: Option<f64>,
    /// The share of users whose clicks decide for either side; `None`: those with a click, at the mean of the rates.
    pub decided: Option<f64>,
    /// The share of pairs in which what is counted happens on one side only; `None`: that of independent answers.
    pub discordance: Option<f64>,
    /// Requests a second of the whole experiment.
    pub per_second: Option<f64>,
}

/// How long each strategy takes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sizes {
    /// What was expected.
    pub expected: Expected,
    /// The candidate's rate over legacy's.
    pub relative_risk: f64,
    /// How many times more requests it takes because those of one user are alike.
    pub design_effect: f64,
    /// What was taken of votes and pairs.
    pub taken: Taken,
    /// One a strategy.
    pub strategies: Vec<StrategySize>,
}

/// What was told of votes and pairs, or derived from the rates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Taken {
    /// The candidate's share of the votes.
    pub preference: f64,
    /// The share of users who decide.
    pub decided: f64,
    /// The share of pairs that differ.
    pub discordance: f64,
    /// The candidate's share of those.
    pub candidate_share: f64,
}

/// How long one strategy takes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StrategySize {
    /// The strategy.
    pub strategy: StrategyKind,
    /// Requests of all arms together; `None`: undefined.
    pub requests: Option<Size>,
    /// The same in days of the traffic told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<Days>,
    /// How many of the requests the candidate answers to users, when the test may be read at any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exposed: Option<u64>,
    /// Why there is no size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undefined: Option<String>,
}

/// A size in days.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Days {
    /// For one look.
    pub one_look: f64,
    /// For the test that may be read at any time.
    pub any_time: f64,
    /// For that test with probability one half.
    pub any_time_median: f64,
}

impl Expected {
    /// How long each strategy takes.
    ///
    /// # Errors
    /// When the rates do not differ, and for values outside their range.
    pub fn sizes(self) -> Result<Sizes, Undefined> {
        let Self { base_rate, candidate_rate, split, .. } = self;
        let design_effect = design_effect(self.requests_per_user, self.icc)?;
        let relative_risk = candidate_rate / base_rate;
        let effect = |candidate_share| RateEffect { base_rate, relative_risk, candidate_share };
        let demand = Demand { alpha: self.alpha, power: self.power, alternative: Alternative::TwoSided };
        let taken = self.taken()?;
        if base_rate == candidate_rate {
            return Err(Undefined::NoEffect);
        }
        let ab = requests_for_proportions(effect(0.5), demand, design_effect);
        let canary = requests_for_event_share(effect(split), demand, design_effect);
        let votes = users_for_votes(taken.preference, taken.decided, demand);
        let pairs = pairs_for_shadow(taken.candidate_share, taken.discordance, demand);
        let sizes = [
            (StrategyKind::Shadow, pairs.and_then(|pairs| times(pairs, design_effect)), Some(0.0)),
            (StrategyKind::Canary, canary, Some(split)),
            (StrategyKind::Ab, ab, Some(0.5)),
            (StrategyKind::Interleave, votes.and_then(|votes| times(votes, self.requests_per_user)), None),
        ];
        let strategies = sizes.map(|(strategy, requests, exposed)| match requests {
            // What cannot be right is told at once; what has no size leaves the others theirs.
            Err(why) if why.is_refusal() => Err(why),
            requests => Ok(self.strategy(strategy, requests, exposed)),
        });
        let strategies = strategies.into_iter().collect::<Result<_, _>>()?;
        Ok(Sizes { expected: self, relative_risk, design_effect, taken, strategies })
    }

    fn taken(&self) -> Result<Taken, Undefined> {
        let Self { base_rate, candidate_rate, requests_per_user, .. } = *self;
        let mean = f64::midpoint(base_rate, candidate_rate);
        let clicked = 1.0 - (1.0 - mean).powf(requests_per_user);
        let alone = |own: f64, other: f64| own * (1.0 - other);
        let independent = alone(base_rate, candidate_rate) + alone(candidate_rate, base_rate);
        let discordance = self.discordance.unwrap_or(independent);
        if discordance < (candidate_rate - base_rate).abs() {
            let expected = "at least the difference of the rates";
            return Err(Undefined::Parameter { name: "the discordance", value: discordance, expected });
        }
        Ok(Taken {
            preference: self.preference.unwrap_or(candidate_rate / (base_rate + candidate_rate)),
            decided: self.decided.unwrap_or(clicked),
            discordance,
            candidate_share: (0.5 + (candidate_rate - base_rate) / (2.0 * discordance)).clamp(0.0, 1.0),
        })
    }

    fn strategy(
        &self,
        strategy: StrategyKind,
        requests: Result<Size, Undefined>,
        exposed: Option<f64>,
    ) -> StrategySize {
        let days = |requests: u64| Some(requests as f64 / (self.per_second? * SECONDS_A_DAY));
        let size = requests.ok();
        StrategySize {
            strategy,
            requests: size,
            days: size.and_then(|size| {
                Some(Days {
                    one_look: days(size.one_look)?,
                    any_time: days(size.any_time)?,
                    any_time_median: days(size.any_time_median)?,
                })
            }),
            exposed: size.zip(exposed).map(|(size, share)| (size.any_time as f64 * share).ceil() as u64),
            undefined: requests.err().map(|why| why.to_string()),
        }
    }
}

impl Sizes {
    /// What one strategy takes.
    pub fn of(&self, strategy: StrategyKind) -> Option<&StrategySize> {
        self.strategies.iter().find(|size| size.strategy == strategy)
    }
}

/// So many requests for each observation.
fn times(size: Size, requests: f64) -> Result<Size, Undefined> {
    let scaled = |observations: u64| (observations as f64 * requests).ceil();
    if scaled(size.any_time) >= u64::MAX as f64 {
        return Err(Undefined::TooLarge);
    }
    Ok(Size {
        one_look: scaled(size.one_look) as u64,
        any_time: scaled(size.any_time) as u64,
        any_time_median: scaled(size.any_time_median) as u64,
    })
}
