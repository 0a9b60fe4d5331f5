//! Do two samples have the same p-quantile? An always-valid p-value (Howard and Ramdas 2022, section 5).
//!
//! Under the null there is one value below which both arms have their p-quantile. Each value is refuted by the product of
//! both arms' e-values for it; what counts is the value that is refuted least.

use crate::stats::BetaBinomial;
use crate::stats::Undefined;
use crate::stats::finite;
use crate::stats::prior_strength;
use crate::stats::quantile::bands::least_between;
use crate::stats::quantile::coin;

/// An arm's observations, sorted, with the count that speaks least against any value being its quantile.
struct Arm {
    sorted: Vec<f64>,
    best: f64,
}

/// The p-value of equal p-quantiles of two samples, with the mixture tuned for `t_opt` observations at `alpha_opt`.
///
/// # Errors
/// When a sample is empty or holds a number that is not finite, or a parameter is outside its range.
pub fn quantile_difference_p(
    first: &[f64],
    second: &[f64],
    p: f64,
    t_opt: f64,
    alpha_opt: f64,
) -> Result<f64, Undefined> {
    let coin = coin(p, prior_strength(t_opt, alpha_opt)?)?;
    let arms = [Arm::of(first, &coin)?, Arm::of(second, &coin)?];
    let log_e = |value: f64| arms.iter().map(|arm| arm.log_e(value, &coin)).sum::<f64>();
    let values = arms.iter().flat_map(|arm| arm.sorted.iter().copied());
    let least = values.map(log_e).fold(f64::INFINITY, f64::min);
    Ok((-least).exp().min(1.0))
}

impl Arm {
    fn of(observations: &[f64], coin: &BetaBinomial) -> Result<Self, Undefined> {
        if observations.is_empty() {
            return Err(Undefined::NoObservations);
        }
        let mut sorted = observations.to_vec();
        sorted.iter().try_for_each(|x| finite("an observation", *x).map(drop))?;
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len() as f64;
        Ok(Self { best: least_between(0.0, n, |s| coin.log_e_of(s, n - s)), sorted })
    }

    /// The evidence against a value: of the counts from those below it to those up to it, that of the best one.
    fn log_e(&self, value: f64, coin: &BetaBinomial) -> f64 {
        let below = self.sorted.partition_point(|x| *x < value) as f64;
        let up_to = self.sorted.partition_point(|x| *x <= value) as f64;
        let count = self.best.clamp(below, up_to);
        coin.log_e_of(count, self.sorted.len() as f64 - count)
    }
}
