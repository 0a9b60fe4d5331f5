//! What would another policy have earned? Estimates from what was logged under this one.
//!
//! Each logged action is weighed by how much more often the target policy would have taken it. That needs the
//! propensity as of the decision, and overlap: where the target does what the logs never show, they say nothing, and
//! the answer is a refusal, not the 0 that inverse propensities come to. One pass, constant space, mergeable.

use serde::Deserialize;
use serde::Serialize;

use crate::stats::Covariance;
use crate::stats::Moments;
use crate::stats::Undefined;
use crate::stats::checks;
use crate::stats::checks::finite;
use crate::stats::checks::same_length;
use crate::stats::closed_unit;
use crate::stats::positive;

/// How far a target's probabilities may be from adding up to 1.
const ROUNDING: f64 = 1e-6;

/// An estimate of the mean reward under the target policy.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PolicyValue {
    /// The estimate.
    pub value: f64,
    /// Its standard error; none from a single decision.
    pub standard_error: Option<f64>,
}

/// Logged decisions, weighted towards the target policy.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OffPolicy {
    /// Of each decision its weight (x) and the weighted reward (y).
    weighted: Covariance,
    clip: f64,
    max_weight: f64,
}

impl Default for OffPolicy {
    fn default() -> Self {
        Self { weighted: Covariance::default(), clip: f64::MAX, max_weight: 0.0 }
    }
}

impl OffPolicy {
    /// Cuts weights off at this one: less variance for some bias (Ionides 2008).
    ///
    /// # Errors
    /// For a clip that is not above 0.
    pub fn clipped(clip: f64) -> Result<Self, Undefined> {
        Ok(Self { clip: positive("the clip", clip)?, ..Self::default() })
    }

    /// Takes a decision: the probability with which its action was drawn, the probability that the target gives to
    /// the same action, and the reward that followed.
    ///
    /// # Errors
    /// For a propensity outside (0, 1], a target outside [0, 1] and a reward that is not finite.
    pub fn add(&mut self, propensity: f64, target: f64, reward: f64) -> Result<(), Undefined> {
        let weight = weight_of(propensity, target)?.min(self.clip);
        finite(&[reward])?;
        self.weighted.add(weight, weight * reward)?;
        self.max_weight = self.max_weight.max(weight);
        Ok(())
    }

    /// Takes all the decisions that `other` took, which was clipped alike.
    pub fn merge(&mut self, other: &Self) {
        self.weighted.merge(&other.weighted);
        self.max_weight = self.max_weight.max(other.max_weight);
    }

    /// The mean of the weighted rewards: unbiased, of great variance (Horvitz and Thompson 1952).
    ///
    /// # Errors
    /// Without decisions; [`Undefined::NoOverlap`].
    pub fn ips(&self) -> Result<PolicyValue, Undefined> {
        self.overlap()?;
        mean_of(self.weighted.y())
    }

    /// The weighted mean of the rewards: less variance, hardly biased, and the same when a constant is added to all
    /// rewards (Swaminathan and Joachims 2015). Standard error by the delta method.
    ///
    /// # Errors
    /// Without decisions; [`Undefined::NoOverlap`].
    pub fn snips(&self) -> Result<PolicyValue, Undefined> {
        self.overlap()?;
        let (weights, rewards) = (self.weighted.x(), self.weighted.y());
        let value = rewards.mean()? / weights.mean()?;
        let (n, mean_weight) = (weights.n() as f64, weights.mean()?);
        let standard_error = match self.weighted.covariance() {
            Err(_) => None,
            Ok(cross) => {
                let spread =
                    rewards.variance()? - 2.0 * value * cross + value * value * weights.variance()?;
                Some(((n - 1.0) * checks::variance(spread)?).sqrt() / (n * mean_weight))
            }
        };
        Ok(PolicyValue { value, standard_error })
    }

    /// How well the logs cover the target.
    ///
    /// # Errors
    /// Without decisions; [`Undefined::NoOverlap`] when the target would have taken no logged action.
    pub fn overlap(&self) -> Result<Overlap, Undefined> {
        let weights = self.weighted.x();
        let (n, mean_weight) = (weights.n(), weights.mean()?);
        if self.max_weight == 0.0 {
            return Err(Undefined::NoOverlap);
        }
        let spread = weights.variance().map_or(0.0, |variance| variance * (n - 1) as f64);
        let sum = mean_weight * n as f64;
        let effective_size = sum * sum / (spread + sum * mean_weight);
        Ok(Overlap { n, effective_size, max_weight: self.max_weight, mean_weight })
    }
}

/// How well logs cover a target policy.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Overlap {
    /// How many decisions were logged.
    pub n: u64,
    /// As many unweighted decisions would say as much: (sum w)^2 / sum w^2 (Kish 1965).
    pub effective_size: f64,
    /// The largest weight.
    pub max_weight: f64,
    /// The mean weight, 1 when the propensities are right and nothing is missing.
    pub mean_weight: f64,
}

/// Why an off-policy estimate should not be shown.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum WeakOverlap {
    /// Too few decisions carry the weight.
    #[error("the logs are worth {0:.1} decisions of the target's, fewer than 100")]
    EffectiveSize(f64),
    /// Nearly all decisions carry no weight.
    #[error("the logs are worth {0:.4} of their size, less than 0.01")]
    EffectiveShare(f64),
    /// One decision weighs too much.
    #[error("one decision weighs {0:.1}, more than 100")]
    MaxWeight(f64),
    /// The propensities do not fit the actions.
    #[error("the mean weight is {0:.3}, not within 0.9 and 1.1")]
    MeanWeight(f64),
}

impl Overlap {
    /// Says whether an estimate may be shown, or the first reason why not: it takes an effective size of 100 and of
    /// 1 % of the decisions, no weight above 100, and a mean weight within 10 % of 1.
    ///
    /// # Errors
    /// The reason.
    pub fn suffices(&self) -> Result<(), WeakOverlap> {
        let Overlap { n, effective_size, max_weight, mean_weight } = *self;
        let share = effective_size / n as f64;
        if effective_size < 100.0 {
            Err(WeakOverlap::EffectiveSize(effective_size))
        } else if share < 0.01 {
            Err(WeakOverlap::EffectiveShare(share))
        } else if max_weight > 100.0 {
            Err(WeakOverlap::MaxWeight(max_weight))
        } else if !(0.9..=1.1).contains(&mean_weight) {
            Err(WeakOverlap::MeanWeight(mean_weight))
        } else {
            Ok(())
        }
    }
}

/// Estimates that lean on a model of the rewards.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ModelledPolicy {
    modelled: Moments,
    corrected: Moments,
    overlaps: bool,
}

/// A logged decision.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// The index of the action that was taken.
    pub action: usize,
    /// The probability with which it was drawn.
    pub propensity: f64,
    /// The reward that followed.
    pub reward: f64,
}

impl ModelledPolicy {
    /// Takes a decision with the target's probability and the model's reward for each action.
    ///
    /// # Errors
    /// For a propensity outside (0, 1], a target that is no distribution over as many actions as the model knows, an
    /// action that is none of them, and values that are not finite.
    pub fn add(&mut self, decision: Decision, target: &[f64], model: &[f64]) -> Result<(), Undefined> {
        let Decision { action, propensity, reward } = decision;
        same_length(target.len(), model.len())?;
        finite(model)?;
        finite(&[reward])?;
        let weight = weight_of(propensity, target_probability(target, action)?)?;
        let expected = target.iter().zip(model).map(|(share, reward)| share * reward).sum();
        self.modelled.add(expected)?;
        self.corrected.add(expected + weight * (reward - model[action]))?;
        self.overlaps |= weight > 0.0;
        Ok(())
    }

    /// Takes all the decisions that `other` took.
    pub fn merge(&mut self, other: &Self) {
        self.modelled.merge(&other.modelled);
        self.corrected.merge(&other.corrected);
        self.overlaps |= other.overlaps;
    }

    /// What the model alone says: as biased as the model is.
    ///
    /// # Errors
    /// Without decisions.
    pub fn direct_method(&self) -> Result<PolicyValue, Undefined> {
        mean_of(&self.modelled)
    }

    /// The model's word, corrected by the weighted residuals: right if the propensities or the model are (Dudik,
    /// Langford and Li 2011).
    ///
    /// # Errors
    /// Without decisions; [`Undefined::NoOverlap`], as nothing then corrects the model.
    pub fn doubly_robust(&self) -> Result<PolicyValue, Undefined> {
        let value = mean_of(&self.corrected)?;
        if self.overlaps { Ok(value) } else { Err(Undefined::NoOverlap) }
    }
}

/// The probability that a target gives to an action, from those of all actions.
///
/// # Errors
/// When the probabilities are none or do not add up to 1, and for an action that is none of them.
pub fn target_probability(target: &[f64], action: usize) -> Result<f64, Undefined> {
    target.iter().try_for_each(|share| closed_unit("a target's probability", *share).map(|_| ()))?;
    let whole: f64 = target.iter().sum();
    if (whole - 1.0).abs() > ROUNDING {
        let name = "the sum of a target's probabilities";
        return Err(Undefined::Parameter { name, value: whole, expected: "1" });
    }
    target.get(action).copied().ok_or(Undefined::Parameter {
        name: "an action",
        value: action as f64,
        expected: "less than the number of actions",
    })
}

fn weight_of(propensity: f64, target: f64) -> Result<f64, Undefined> {
    if !(propensity > 0.0 && propensity <= 1.0) {
        let expected = "more than 0 and at most 1";
        return Err(Undefined::Parameter { name: "a propensity", value: propensity, expected });
    }
    Ok(closed_unit("a target's probability", target)? / propensity)
}

fn mean_of(terms: &Moments) -> Result<PolicyValue, Undefined> {
    let standard_error = terms.mean_variance().ok().map(f64::sqrt);
    Ok(PolicyValue { value: terms.mean()?, standard_error })
}
