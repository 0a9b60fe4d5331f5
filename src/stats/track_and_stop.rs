//! Best-arm identification: how to split traffic to find the best arm soonest, and when it is found.
//!
//! Garivier and Kaufmann 2016, for means with normal noise and an optional indifference `epsilon`. It says which arm
//! is the best with probability 1 - delta; where arms tie either answer is right, so it is no gate for a promotion.

use serde::Serialize;

use crate::stats::Undefined;
use crate::stats::checks::finite;
use crate::stats::checks::representable;
use crate::stats::checks::same_length;
use crate::stats::open_unit;
use crate::stats::root::edge;

/// Where the search for the best arm stands.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Tracking {
    /// The index of the arm with the highest mean, the first of equals.
    pub leader: usize,
    /// The generalised likelihood ratio against the arm that is hardest to tell from the leader.
    pub least_ratio: f64,
    /// What the ratio has to reach: ln((1 + ln t) / delta) after t observations, the usual heuristic.
    pub threshold: f64,
    /// Whether it does.
    pub stop: bool,
}

/// What is known of the arms: mean and variance of the observations of each.
#[derive(Debug, Clone, Copy)]
pub struct ArmMoments<'a> {
    /// The means, one an arm.
    pub means: &'a [f64],
    /// The variances, one an arm.
    pub variances: &'a [f64],
}

/// Says whether the best arm is found, up to `epsilon`, with an error of at most `delta`.
///
/// # Errors
/// [`Undefined::NoControl`] for fewer than two arms; an arm without observations; [`Undefined::NoVariance`] when an
/// arm and the leader do not vary; values that are not finite, negative variances and epsilons, lengths that differ.
pub fn track_and_stop(
    arms: ArmMoments<'_>,
    counts: &[u64],
    epsilon: f64,
    delta: f64,
) -> Result<Tracking, Undefined> {
    let delta = open_unit("delta", delta)?;
    let leader = arms.leader(epsilon)?;
    same_length(counts.len(), arms.means.len())?;
    if counts.contains(&0) {
        return Err(Undefined::NoObservations);
    }
    let of_mean = |arm: usize| arms.variances[arm] / counts[arm] as f64;
    let mut least_ratio = f64::INFINITY;
    for arm in (0..counts.len()).filter(|arm| *arm != leader) {
        let spread = of_mean(leader) + of_mean(arm);
        if spread == 0.0 {
            return Err(Undefined::NoVariance);
        }
        least_ratio = least_ratio.min(arms.gap(leader, arm, epsilon).powi(2) / (2.0 * spread));
    }
    let observations: f64 = counts.iter().map(|count| *count as f64).sum();
    let threshold = ((1.0 + observations.ln()) / delta).ln();
    Ok(Tracking { leader, least_ratio, threshold, stop: least_ratio >= threshold })
}

/// The shares of traffic under which the least likelihood ratio grows fastest; they add up to 1.
///
/// With a leader of share w and variance v, arm k is told apart at the common rate when v_k / w_k = gap_k^2 - v / w;
/// the sum of all shares is then convex in w, and least where its derivative is 0. Two arms are split as their
/// standard deviations.
///
/// # Errors
/// As [`track_and_stop`]; [`Undefined::NothingDecided`] when another arm ties with the leader and `epsilon` is 0.
pub fn track_and_stop_weights(arms: ArmMoments<'_>, epsilon: f64) -> Result<Vec<f64>, Undefined> {
    let leader = arms.leader(epsilon)?;
    let own = arms.variances[leader];
    let squared_gap = |arm: usize| arms.gap(leader, arm, epsilon).powi(2);
    let others = || (0..arms.means.len()).filter(|arm| *arm != leader);
    let least_gap = others().map(squared_gap).fold(f64::INFINITY, f64::min);
    if least_gap == 0.0 {
        return Err(Undefined::NothingDecided);
    }
    representable(least_gap)?;
    if arms.variances.iter().all(|variance| *variance == 0.0) {
        return Err(Undefined::NoVariance);
    }
    // In units of the least gap, so that neither tiny nor huge values overflow.
    let scaled_gap = |arm: usize| squared_gap(arm) / least_gap;
    let too_small = |share: f64| {
        let slope = |arm: usize| arms.variances[arm] * own / (scaled_gap(arm) * share - own).powi(2);
        others().map(slope).sum::<f64>() > 1.0
    };
    let most = own + (own * arms.variances.iter().sum::<f64>()).sqrt();
    let share = if own == 0.0 { 0.0 } else { edge(own, 2.0 * most, too_small) };
    let share_of = |arm: usize| {
        let left = if own == 0.0 { scaled_gap(arm) } else { scaled_gap(arm) - own / share };
        match arms.variances[arm] {
            _ if arm == leader => share,
            0.0 => 0.0,
            variance => variance / left,
        }
    };
    let shares: Vec<f64> = (0..arms.means.len()).map(share_of).collect();
    let whole: f64 = shares.iter().sum();
    Ok(shares.iter().map(|share| share / whole).collect())
}

impl ArmMoments<'_> {
    fn leader(&self, epsilon: f64) -> Result<usize, Undefined> {
        let Self { means, variances } = self;
        same_length(means.len(), variances.len())?;
        finite(means)?;
        finite(variances)?;
        finite(&[epsilon])?;
        let negative = variances.iter().chain([&epsilon]).find(|value| **value < 0.0);
        if let Some(&value) = negative {
            return Err(Undefined::Parameter { name: "a variance or epsilon", value, expected: "0 or more" });
        }
        if means.len() < 2 {
            return Err(Undefined::NoControl);
        }
        let better = |best: usize, arm: usize| if means[arm] > means[best] { arm } else { best };
        Ok((1..means.len()).fold(0, better))
    }

    fn gap(&self, leader: usize, arm: usize, epsilon: f64) -> f64 {
        self.means[leader] - self.means[arm] + epsilon
    }
}
