//! The estimates themselves, with intervals that allow for users' requests being alike, and the gates before them.
//!
//! A user's requests mostly share one draw, so what counts against chance is how many users carry the weight: standard
//! errors are cluster-robust by unit, and the effective size must suffice in units as well as in requests.

use std::collections::HashMap;

use serde::Serialize;

use crate::stats::Decision as ModelledDecision;
use crate::stats::ModelledPolicy;
use crate::stats::OffPolicy;
use crate::stats::Overlap;
use crate::stats::Undefined;
use crate::stats::WeakOverlap;
use crate::stats::clustered_mean;
use crate::vocab::ModelName;
use crate::vocab::StrategyKind;

/// The normal quantile of a central 95 % interval.
const Z: f64 = 1.959_963_984_540_054;

/// One request whose reward is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decision<'d> {
    pub(super) arm: usize,
    /// The probabilities of all arms in its draw.
    pub(super) draw: &'d [f64],
    pub(super) unit: u64,
    pub(super) reward: f64,
}

/// All of them.
pub(super) struct Decisions<'d>(Vec<Decision<'d>>);

/// An estimate of a mean with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Its standard error, cluster-robust by unit; `None`: there is but one unit, or all rewards are alike.
    pub standard_error: Option<f64>,
    /// The lower end of the interval.
    pub lower: Option<f64>,
    /// The upper end.
    pub upper: Option<f64>,
}

/// What a policy would have come to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimates {
    /// The weighted mean: the one to quote (Swaminathan and Joachims 2015).
    pub snips: Estimate,
    /// The mean of weighted rewards (Horvitz and Thompson 1952).
    pub ips: Estimate,
    /// Each arm's mean, corrected by the weighted residuals (Dudik, Langford and Li 2011).
    pub doubly_robust: Option<Estimate>,
    /// How well the log covers the policy, in requests.
    pub overlap: Overlap,
    /// As many users with equal weights would say as much.
    pub effective_units: f64,
    /// The share of requests that could not have gone to every arm of the policy.
    pub uncovered: f64,
}

impl<'d> Decisions<'d> {
    pub(super) fn of(decisions: impl Iterator<Item = Decision<'d>>) -> Self {
        Self(decisions.collect())
    }

    pub(super) fn len(&self) -> u64 {
        self.0.len() as u64
    }

    pub(super) fn units(&self) -> u64 {
        self.sums_by_unit(|_| 1.0).len() as u64
    }

    /// The mean reward of an arm's requests.
    pub(super) fn mean_of(&self, arm: usize) -> Option<f64> {
        let (mut sum, mut count) = (0.0, 0_u64);
        for decision in self.0.iter().filter(|decision| decision.arm == arm) {
            sum += decision.reward;
            count += 1;
        }
        (count > 0).then(|| sum / count as f64)
    }

    /// The mean reward of all requests, as they were drawn.
    pub(super) fn logged(&self) -> Option<Estimate> {
        let whole: f64 = self.0.iter().map(|decision| decision.reward).sum();
        (!self.0.is_empty()).then(|| self.estimate(whole / self.0.len() as f64, |decision| decision.reward))
    }

    /// What a policy with these shares would have come to.
    ///
    /// # Errors
    /// Why the log cannot tell, and what to do.
    pub(super) fn under(
        &self,
        shares: &[f64],
        arms: &[ModelName],
        strategy: StrategyKind,
    ) -> Result<Estimates, String> {
        if strategy == StrategyKind::Interleave {
            return Err("mixed lists are of both models, so no model's share can be told apart from them; run an A/B \
                        test or a canary"
                .to_owned());
        }
        if self.0.is_empty() {
            return Err(
                "the reward of no request is known; report outcomes first, or ask for another reward"
                    .to_owned(),
            );
        }
        self.reach(shares, arms)?;
        let weigh = |decision: &Decision<'_>| shares[decision.arm] / decision.draw[decision.arm];
        let mut weighted = OffPolicy::default();
        for decision in &self.0 {
            let propensity = decision.draw[decision.arm];
            weighted
                .add(propensity, shares[decision.arm], decision.reward)
                .map_err(|why| format!("a record cannot be weighed: {why}"))?;
        }
        let overlap = weighted.overlap().map_err(|why| format!("{why}: wait for more traffic"))?;
        let uncovered = self.uncovered(shares);
        let by_unit = self.sums_by_unit(weigh);
        let (sum, squares) = by_unit
            .values()
            .fold((0.0, 0.0), |(sum, squares), weight| (sum + weight, squares + weight * weight));
        let effective_units = sum * sum / squares;
        let of_units = Overlap { effective_size: effective_units, n: by_unit.len() as u64, ..overlap };
        overlap.suffices().and_then(|()| of_units.suffices()).map_err(|why| weak(why, uncovered))?;
        let told = |value: Result<crate::stats::PolicyValue, Undefined>| {
            value.map(|value| value.value).map_err(|why| why.to_string())
        };
        let (ips, snips) = (told(weighted.ips())?, told(weighted.snips())?);
        Ok(Estimates {
            snips: self.estimate(snips, |decision| {
                snips + weigh(decision) * (decision.reward - snips) / overlap.mean_weight
            }),
            ips: self.estimate(ips, |decision| weigh(decision) * decision.reward),
            doubly_robust: self.doubly_robust(shares),
            overlap,
            effective_units,
            uncovered,
        })
    }

    /// With the arms' means as the model of rewards; `None`: an arm of the policy has none.
    fn doubly_robust(&self, shares: &[f64]) -> Option<Estimate> {
        let means: Vec<Option<f64>> = (0..shares.len()).map(|arm| self.mean_of(arm)).collect();
        if means.iter().zip(shares).any(|(mean, share)| mean.is_none() && *share > 0.0) {
            return None;
        }
        let model: Vec<f64> = means.into_iter().map(Option::unwrap_or_default).collect();
        let mut policy = ModelledPolicy::default();
        for Decision { arm, draw, reward, .. } in &self.0 {
            let decision = ModelledDecision { action: *arm, propensity: draw[*arm], reward: *reward };
            policy.add(decision, shares, &model).ok()?;
        }
        let expected: f64 = model.iter().zip(shares).map(|(mean, share)| mean * share).sum();
        let value = policy.doubly_robust().ok()?.value;
        Some(self.estimate(value, |Decision { arm, draw, reward, .. }| {
            expected + shares[*arm] / draw[*arm] * (reward - model[*arm])
        }))
    }

    /// The interval of an estimate that is the mean of one term a request.
    fn estimate(&self, value: f64, term: impl Fn(&Decision<'_>) -> f64) -> Estimate {
        let terms: Vec<f64> = self.0.iter().map(term).collect();
        let units: Vec<u64> = self.0.iter().map(|decision| decision.unit).collect();
        let clustered = clustered_mean(&terms, &units).ok().map(|clustered| clustered.robust);
        // Rewards that are all alike leave no trace of chance, which is not to say that there is none.
        let standard_error = clustered.filter(|error| *error > 0.0);
        let end = |side: f64| standard_error.map(|error| value + side * Z * error);
        Estimate { value, standard_error, lower: end(-1.0), upper: end(1.0) }
    }

    fn sums_by_unit(&self, term: impl Fn(&Decision<'_>) -> f64) -> HashMap<u64, f64> {
        let mut sums = HashMap::new();
        for decision in &self.0 {
            *sums.entry(decision.unit).or_default() += term(decision);
        }
        sums
    }

    /// The share of requests that could not have gone to some arm of the policy.
    fn uncovered(&self, shares: &[f64]) -> f64 {
        let misses = |decision: &&Decision<'_>| {
            decision.draw.iter().zip(shares).any(|(logged, asked)| *logged == 0.0 && *asked > 0.0)
        };
        self.0.iter().filter(misses).count() as f64 / self.0.len() as f64
    }

    /// Whether every arm of the policy could have been drawn at all.
    fn reach(&self, shares: &[f64], arms: &[ModelName]) -> Result<(), String> {
        let possible = |arm: usize| self.0.iter().any(|decision| decision.draw[arm] > 0.0);
        let mut asked = arms.iter().enumerate().filter(|(arm, _)| shares[*arm] > 0.0);
        match asked.find(|(arm, _)| !possible(*arm)) {
            Some((_, arm)) => {
                Err(format!("no request could have gone to `{arm}`: run an A/B test or a canary"))
            }
            None => Ok(()),
        }
    }
}

/// Why the overlap is too weak, and what to do.
fn weak(why: WeakOverlap, uncovered: f64) -> String {
    let cure = match why {
        WeakOverlap::EffectiveSize(_) => "wait for more users, or ask for shares nearer to the logged ones".to_owned(),
        WeakOverlap::EffectiveShare(_) | WeakOverlap::MaxWeight(_) => {
            "ask for shares nearer to the logged ones, or log more traffic at larger ones".to_owned()
        }
        WeakOverlap::MeanWeight(_) if uncovered > 0.0 => format!(
            "{:.0} % of the requests could not have gone to every arm of the policy; ask of the files of later stages alone",
            100.0 * uncovered
        ),
        WeakOverlap::MeanWeight(_) => {
            "users did not reach the arms as drawn, or the reward is known more often for one arm than for another; see \
             the experiment's health"
                .to_owned()
        }
    };
    format!("{why}: {cure}")
}
