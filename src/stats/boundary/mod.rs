//! Boundaries that a random walk crosses with probability alpha at most, at any time at all.
//!
//! Howard, Ramdas, McAuliffe and Sekhon 2021. S is the sum of what was observed less its mean under the null, v its
//! intrinsic time (the sum of variances, or an estimate of it). Each mixture is also an e-process: its `log_e` at
//! (S, v) reaches ln(1/alpha) where S reaches the boundary.

mod bounded;
mod gamma_exponential;
mod normal;
mod stitching;

#[cfg(test)]
mod tests;

pub use bounded::Bounded;
pub use gamma_exponential::GammaExponential;
pub use normal::NormalMixture;
pub use stitching::PolyStitching;
pub(super) use stitching::above_one;
pub(super) use stitching::stitching_factors;
pub(super) use stitching::zeta;

use serde::Deserialize;
use serde::Serialize;

use crate::stats::Undefined;
use crate::stats::open_unit;
use crate::stats::positive;

/// Whether a walk is watched for leaving upwards only, or either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sides {
    /// Upwards.
    One,
    /// Either way.
    Two,
}

/// The mixture's parameter rho for which the boundary is tightest around the intrinsic time `v_opt` (their
/// Proposition 3): v / (2 ln(1/a) + ln(1 + 2 ln(1/a))), where a is `alpha_opt`, or twice that for one side.
fn best_rho(v_opt: f64, alpha_opt: f64, sides: Sides) -> Result<f64, Undefined> {
    let v_opt = positive("the intrinsic time to be tuned for", v_opt)?;
    let alpha = match sides {
        Sides::One => open_unit("twice the alpha to be tuned for", 2.0 * alpha_opt)?,
        Sides::Two => open_unit("the alpha to be tuned for", alpha_opt)?,
    };
    Ok(v_opt / tuning_divisor(alpha))
}

/// 2 ln(1/a) + ln(1 + 2 ln(1/a)).
pub(super) fn tuning_divisor(alpha: f64) -> f64 {
    let twice = -2.0 * alpha.ln();
    twice + twice.ln_1p()
}

/// An intrinsic time: a finite number, 0 or more.
fn intrinsic_time(v: f64) -> Result<f64, Undefined> {
    let inside = v >= 0.0 && v.is_finite();
    inside.then_some(v).ok_or(Undefined::Parameter {
        name: "the intrinsic time",
        value: v,
        expected: "a finite number, 0 or more",
    })
}
