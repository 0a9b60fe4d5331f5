//! The beta-binomial mixture: for sums of observations that lie between -g and h.

use crate::stats::Alternative;
use crate::stats::BetaBinomial;
use crate::stats::Undefined;
use crate::stats::boundary::Sides;
use crate::stats::boundary::best_rho;
use crate::stats::boundary::intrinsic_time;
use crate::stats::open_unit;
use crate::stats::positive;
use crate::stats::root::edge;

/// A mixture for observations of mean 0 between -g and h (Howard and others 2021, Proposition 7).
///
/// It is the beta-binomial mixture of the coin that shows h with probability g / (g + h), else -g: a sum of s at the
/// intrinsic time v stands for (v + h s) / (h (g + h)) successes and (v - g s) / (g (g + h)) failures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounded {
    coin: BetaBinomial,
    g: f64,
    h: f64,
}

impl Bounded {
    /// The mixture whose boundary is tightest around the intrinsic time `v_opt` at `alpha_opt`.
    ///
    /// # Errors
    /// When `v_opt`, `g` or `h` is not above 0, or `alpha_opt` (doubled for one side) not within (0, 1).
    pub fn tuned(v_opt: f64, alpha_opt: f64, g: f64, h: f64, sides: Sides) -> Result<Self, Undefined> {
        let (g, h) = (positive("g", g)?, positive("h", h)?);
        let r = (best_rho(v_opt, alpha_opt, sides)? - g * h).max(1e-3 * g * h);
        let alternative = match sides {
            Sides::One => Alternative::Greater,
            Sides::Two => Alternative::TwoSided,
        };
        let width = g + h;
        let coin = BetaBinomial::new(r / (h * width), r / (g * width), g / width, alternative)?;
        Ok(Self { coin, g, h })
    }

    /// The log e-value where the sum is `s`, between -v/h and v/g, at the intrinsic time `v`.
    pub fn log_e(&self, s: f64, v: f64) -> f64 {
        let Self { coin, g, h } = self;
        let width = g + h;
        let (successes, failures) = ((v + h * s) / (h * width), (v - g * s) / (g * width));
        coin.log_e_of(successes.max(0.0), failures.max(0.0))
    }

    /// The sum at which the evidence suffices at the intrinsic time `v`; v/g, which no sum exceeds, where none does.
    ///
    /// # Errors
    /// When `v` is negative or `alpha` not within (0, 1).
    pub fn bound(&self, v: f64, alpha: f64) -> Result<f64, Undefined> {
        let v = intrinsic_time(v)?;
        let needed = -open_unit("alpha", alpha)?.ln();
        let most = v / self.g;
        let suffices = |s: f64| self.log_e(s, v) >= needed;
        Ok(if suffices(most) { edge(most, 0.0, suffices) } else { most })
    }
}
