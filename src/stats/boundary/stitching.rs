//! The polynomial stitched boundary: in closed form, and of the order of the law of the iterated logarithm.

use crate::stats::Undefined;
use crate::stats::boundary::intrinsic_time;
use crate::stats::open_unit;
use crate::stats::positive;

/// A boundary for sub-gamma sums of scale c from the intrinsic time `v_min` on (Howard and others 2021, Theorem 1 and
/// equation 10).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PolyStitching {
    v_min: f64,
    c: f64,
    s: f64,
    eta: f64,
}

impl PolyStitching {
    /// The boundary from `v_min` on; epochs grow by the factor `eta` (2 is usual) and their shares of alpha fall as
    /// 1 / k^s (1.4 is usual). A scale of 0 is for sub-Gaussian sums.
    ///
    /// # Errors
    /// When `v_min` is not above 0, `c` negative, or `s` or `eta` not above 1.
    pub fn new(v_min: f64, c: f64, s: f64, eta: f64) -> Result<Self, Undefined> {
        if !(c >= 0.0 && c.is_finite()) {
            let (name, expected) = ("the scale c", "a finite number, 0 or more");
            return Err(Undefined::Parameter { name, value: c, expected });
        }
        let v_min = positive("the least intrinsic time", v_min)?;
        Ok(Self { v_min, c, s: above_one("s", s)?, eta: above_one("eta", eta)? })
    }

    /// The sum that is crossed with probability `alpha` at most. Before `v_min` it is that of `v_min`.
    ///
    /// # Errors
    /// When `v` is negative or `alpha` not within (0, 1).
    pub fn bound(&self, v: f64, alpha: f64) -> Result<f64, Undefined> {
        let Self { v_min, c, s, eta } = *self;
        let v = intrinsic_time(v)?.max(v_min);
        let alpha = open_unit("alpha", alpha)?;
        let (k1, k2) = stitching_factors(eta);
        let l = s * (eta * v / v_min).ln().ln() + (zeta(s) / (alpha * eta.ln().powf(s))).ln();
        let linear = k2 * c * l;
        Ok((k1 * k1 * v * l + linear * linear).sqrt() + linear)
    }
}

/// What stitching over epochs of factor `eta` costs: k1 = (eta^(1/4) + eta^(-1/4)) / sqrt 2, k2 = (sqrt eta + 1) / 2.
pub(in crate::stats) fn stitching_factors(eta: f64) -> (f64, f64) {
    let root = eta.powf(0.25);
    ((root + root.recip()) / std::f64::consts::SQRT_2, (eta.sqrt() + 1.0) / 2.0)
}

/// Riemann's zeta function for `s` above 1, by the formula of Euler and Maclaurin; right to 14 digits.
pub(in crate::stats) fn zeta(s: f64) -> f64 {
    const TERMS: u32 = 30;
    // B_2k / (2k)! for k from 1.
    const BERNOULLI: [f64; 4] = [1.0 / 12.0, -1.0 / 720.0, 1.0 / 30_240.0, -1.0 / 1_209_600.0];
    let n = f64::from(TERMS);
    let head: f64 = (1..TERMS).map(|k| f64::from(k).powf(-s)).sum();
    let mut factor = s * n.powf(-s - 1.0);
    let mut tail = n.powf(1.0 - s) / (s - 1.0) + 0.5 * n.powf(-s);
    for (coefficient, k) in BERNOULLI.into_iter().zip((1..).step_by(2).map(f64::from)) {
        tail += coefficient * factor;
        factor *= (s + k) * (s + k + 1.0) / (n * n);
    }
    head + tail
}

/// A finite number above 1.
pub(in crate::stats) fn above_one(name: &'static str, value: f64) -> Result<f64, Undefined> {
    let inside = value > 1.0 && value.is_finite();
    inside.then_some(value).ok_or(Undefined::Parameter { name, value, expected: "a finite number above 1" })
}
