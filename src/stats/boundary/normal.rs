//! The normal mixture: for sums of normal or sub-Gaussian observations.

use serde::Deserialize;
use serde::Serialize;

use crate::stats::Undefined;
use crate::stats::boundary::Sides;
use crate::stats::boundary::best_rho;
use crate::stats::boundary::intrinsic_time;
use crate::stats::open_unit;
use crate::stats::positive;
use crate::stats::root::first_excluded;
use crate::stats::special::ln_normal_cdf_scaled;

/// A mixture over normal alternatives with variance 1/rho (Robbins 1970), halved for one side.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NormalMixture {
    rho: f64,
    sides: Sides,
}

impl NormalMixture {
    /// The mixture whose boundary is tightest around the intrinsic time `v_opt` at the level `alpha_opt`.
    ///
    /// # Errors
    /// When `v_opt` is not above 0, or `alpha_opt` (doubled for one side) not within (0, 1).
    pub fn tuned(v_opt: f64, alpha_opt: f64, sides: Sides) -> Result<Self, Undefined> {
        Ok(Self { rho: best_rho(v_opt, alpha_opt, sides)?, sides })
    }

    /// The mixture with this parameter.
    ///
    /// # Errors
    /// When `rho` is not above 0.
    pub fn with_rho(rho: f64, sides: Sides) -> Result<Self, Undefined> {
        Ok(Self { rho: positive("rho", rho)?, sides })
    }

    /// The log e-value where the sum is `s` at the intrinsic time `v`, which is 0 or more.
    pub fn log_e(&self, s: f64, v: f64) -> f64 {
        let whole = v + self.rho;
        match self.sides {
            Sides::Two => 0.5 * (self.rho / whole).ln() + s * s / (2.0 * whole),
            Sides::One => 0.5 * (4.0 * self.rho / whole).ln() + ln_normal_cdf_scaled(s / whole.sqrt()),
        }
    }

    /// The sum at which the evidence suffices at the intrinsic time `v` (their equation 14 and Proposition 6).
    ///
    /// # Errors
    /// When `v` is negative or `alpha` not within (0, 1).
    pub fn bound(&self, v: f64, alpha: f64) -> Result<f64, Undefined> {
        let v = intrinsic_time(v)?;
        let needed = -open_unit("alpha", alpha)?.ln();
        let whole = v + self.rho;
        Ok(match self.sides {
            Sides::Two => (whole * ((v / self.rho).ln_1p() + 2.0 * needed)).sqrt(),
            Sides::One => first_excluded(whole.sqrt(), |s| self.log_e(s, v) >= needed),
        })
    }
}
