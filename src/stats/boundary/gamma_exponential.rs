//! The gamma-exponential mixture: for sub-exponential sums, as empirical variances of bounded observations make them.

use statrs::function::gamma::gamma_lr;
use statrs::function::gamma::ln_gamma;

use crate::stats::Undefined;
use crate::stats::boundary::Sides;
use crate::stats::boundary::best_rho;
use crate::stats::boundary::intrinsic_time;
use crate::stats::open_unit;
use crate::stats::positive;
use crate::stats::root::first_excluded;

/// A one-sided mixture over alternatives of scale c (Howard and others 2021, Proposition 9).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GammaExponential {
    rho: f64,
    c: f64,
    /// With k = rho / c^2: k ln k - ln G(k) - ln P(k, k), where P is the regularised lower incomplete gamma function.
    constant: f64,
}

impl GammaExponential {
    /// The mixture of scale `c` whose boundary is tightest around the intrinsic time `v_opt` at `alpha_opt`.
    ///
    /// # Errors
    /// When `v_opt` or `c` is not above 0, or `alpha_opt` not within (0, 1/2).
    pub fn tuned(v_opt: f64, alpha_opt: f64, c: f64) -> Result<Self, Undefined> {
        let rho = best_rho(v_opt, alpha_opt, Sides::One)?;
        let c = positive("the scale c", c)?;
        let k = positive("rho / c^2", rho / (c * c))?;
        Ok(Self { rho, c, constant: k * k.ln() - ln_gamma(k) - gamma_lr(k, k).ln() })
    }

    /// The log e-value where the sum is `s`, above -(v + rho) / c, at the intrinsic time `v`, 0 or more.
    pub fn log_e(&self, s: f64, v: f64) -> f64 {
        let square = self.c * self.c;
        let shape = (v + self.rho) / square;
        let sum = s / self.c;
        // shape ln(x) with x = sum + shape, taken apart so that large terms do not cancel.
        let ln_power = shape * shape.ln() + shape * (sum / shape).ln_1p();
        self.constant + ln_gamma(shape) + gamma_lr(shape, sum + shape).ln() - ln_power + sum + v / square
    }

    /// The sum at which the evidence suffices at the intrinsic time `v`.
    ///
    /// # Errors
    /// When `v` is negative or `alpha` not within (0, 1).
    pub fn bound(&self, v: f64, alpha: f64) -> Result<f64, Undefined> {
        let v = intrinsic_time(v)?;
        let needed = -open_unit("alpha", alpha)?.ln();
        Ok(first_excluded((v + self.rho).sqrt(), |s| self.log_e(s, v) >= needed))
    }
}
