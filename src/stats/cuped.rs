//! A difference of means with less noise: what each unit did before the experiment explains part of what it does.
//!
//! CUPED (Deng, Xu, Kohavi and Walker 2013). The covariate must date from before the unit first met either arm.

use serde::Serialize;

use crate::stats::Covariance;
use crate::stats::Undefined;
use crate::stats::checks;
use crate::stats::checks::representable;

/// From which units the slope of the metric on its covariate is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slope {
    /// From deviations within each arm, which is the analysis of covariance.
    WithinArms,
    /// From both arms thrown together; an effect then leaks into the slope.
    Joint,
}

/// The adjusted difference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Cuped {
    /// The slope of the metric on its covariate; 0 of a covariate that does not vary.
    pub theta: f64,
    /// The treatment's mean minus the control's, adjusted for the difference of their covariates.
    pub difference: f64,
    /// The variance of the difference.
    pub variance: f64,
    /// Its square root.
    pub standard_error: f64,
}

/// Compares two arms, whose pairs are the covariate (x) and the metric (y) of each unit.
///
/// # Errors
/// Below two units in either arm; [`Undefined::TooLarge`].
pub fn cuped(control: &Covariance, treatment: &Covariance, slope: Slope) -> Result<Cuped, Undefined> {
    let mut both = *control;
    both.merge(treatment);
    let (shared, spread) = match slope {
        Slope::Joint => (both.covariance()?, both.x().variance()?),
        Slope::WithinArms => {
            let weight = |arm: &Covariance| arm.x().n().saturating_sub(1) as f64;
            (
                weight(control) * control.covariance()? + weight(treatment) * treatment.covariance()?,
                weight(control) * control.x().variance()? + weight(treatment) * treatment.x().variance()?,
            )
        }
    };
    let theta = if spread > 0.0 { representable(shared / spread)? } else { 0.0 };
    let adjusted = |arm: &Covariance| Ok(arm.y().mean()? - theta * arm.x().mean()?);
    let variance_of = |arm: &Covariance| {
        let (x, y) = (arm.x().mean_variance()?, arm.y().mean_variance()?);
        let cross = arm.covariance()? / arm.x().n() as f64;
        checks::variance(y - 2.0 * theta * cross + theta * theta * x)
    };
    let variance = variance_of(control)? + variance_of(treatment)?;
    let difference = representable(adjusted(treatment)? - adjusted(control)?)?;
    Ok(Cuped { theta, difference, variance, standard_error: variance.sqrt() })
}
