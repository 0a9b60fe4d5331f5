//! Ratios of means: of two totals of the same users, and of one arm's mean to the other's.
//!
//! Both by the delta method. A ratio metric, say clicks a view, is randomised by user, so users are what is counted:
//! treating each view as independent makes intervals several times too narrow.

use serde::Serialize;

use crate::stats::Covariance;
use crate::stats::Interval;
use crate::stats::Moments;
use crate::stats::Undefined;
use crate::stats::checks;
use crate::stats::checks::representable;
use crate::stats::open_unit;
use crate::stats::tails::two_sided_z;

/// A ratio of two totals.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Ratio {
    /// The sum of the numerators over that of the denominators.
    pub ratio: f64,
    /// What one user contributes to its variance; over the number of users it is the ratio's.
    pub unit_variance: f64,
    /// The standard error.
    pub standard_error: f64,
}

/// The ratio of numerators (x) to denominators (y), one pair a user (Deng, Knoblich and Lu 2018).
///
/// # Errors
/// [`Undefined::ZeroBaseline`] when the denominators add up to 0; below two users.
pub fn ratio_of_totals(users: &Covariance) -> Result<Ratio, Undefined> {
    let (numerator, denominator) = (users.x().mean()?, users.y().mean()?);
    if denominator == 0.0 {
        return Err(Undefined::ZeroBaseline);
    }
    let ratio = representable(numerator / denominator)?;
    let spread =
        users.x().variance()? - 2.0 * ratio * users.covariance()? + ratio * ratio * users.y().variance()?;
    let unit_variance = representable(checks::variance(spread)? / (denominator * denominator))?;
    let standard_error = (unit_variance / users.x().n() as f64).sqrt();
    Ok(Ratio { ratio, unit_variance, standard_error })
}

/// One mean relative to another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Lift {
    /// (treatment - control) / control, of the means.
    pub lift: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Its normal interval.
    pub interval: Interval,
}

/// The treatment's mean relative to the control's.
///
/// # Errors
/// [`Undefined::ZeroBaseline`] when the control's mean is 0; below two values in either arm; a confidence outside
/// (0, 1).
pub fn relative_lift(control: &Moments, treatment: &Moments, confidence: f64) -> Result<Lift, Undefined> {
    let z = two_sided_z(open_unit("the confidence", confidence)?);
    let (base, other) = (control.mean()?, treatment.mean()?);
    if base == 0.0 {
        return Err(Undefined::ZeroBaseline);
    }
    let lift = representable((other - base) / base)?;
    let ratio = other / base;
    let variance = (treatment.mean_variance()? + ratio * ratio * control.mean_variance()?) / (base * base);
    let standard_error = representable(variance.sqrt())?;
    let half = z * standard_error;
    Ok(Lift { lift, standard_error, interval: Interval { lower: lift - half, upper: lift + half } })
}
