//! Tails of the distributions that tests refer to, and their quantiles.
//!
//! A p-value of 1e-200 is an answer: each tail is computed as such, never as 1 minus the other one, and keeps its
//! relative accuracy down to the smallest floating-point number.

use std::f64::consts::FRAC_1_SQRT_2;
use std::f64::consts::LN_2;
use std::f64::consts::SQRT_2;

use statrs::function::erf::erfc;
use statrs::function::erf::erfc_inv;
use statrs::function::gamma::gamma_ur;

use crate::stats::Alternative;
use crate::stats::root::edge;
use crate::stats::special::ln_beta;
use crate::stats::special::ln_beta_cdf_at;
use crate::stats::special::ln_beta_survival;

/// P(Z > z) for a standard normal Z.
pub(super) fn normal_survival(z: f64) -> f64 {
    0.5 * erfc(z * FRAC_1_SQRT_2)
}

/// The z with P(Z > z) = `tail`.
pub(super) fn normal_quantile(tail: f64) -> f64 {
    SQRT_2 * erfc_inv(2.0 * tail)
}

/// The z that a central interval of this confidence reaches to either side.
pub(super) fn two_sided_z(confidence: f64) -> f64 {
    SQRT_2 * erfc_inv(1.0 - confidence)
}

/// P(T > t) for Student's T with `df` degrees of freedom, by the incomplete beta function (DLMF 8.17.2).
pub(super) fn student_survival(t: f64, df: f64) -> f64 {
    if t < 0.0 {
        return 1.0 - student_survival(-t, df);
    }
    let ratio = t * t / df;
    let (inside, outside) = (1.0 / (1.0 + ratio), 1.0 / (1.0 + 1.0 / ratio));
    if t * t < 1.0 {
        0.5 - 0.5 * ln_beta_cdf_at(0.5, df / 2.0, outside, inside).exp()
    } else {
        0.5 * ln_beta_cdf_at(df / 2.0, 0.5, inside, outside).exp()
    }
}

/// The t with P(T > t) = `tail`, for a tail below one half.
pub(super) fn student_quantile(tail: f64, df: f64) -> f64 {
    let mut above = normal_quantile(tail).max(1.0);
    while student_survival(above, df) > tail && above < f64::MAX / 2.0 {
        above *= 2.0;
    }
    edge(0.0, above, |t| student_survival(t, df) > tail)
}

/// P(X > x) for a chi-square X with `df` degrees of freedom.
pub(super) fn chi_square_survival(x: f64, df: f64) -> f64 {
    if x <= 0.0 {
        1.0
    } else if df == 1.0 {
        erfc((x / 2.0).sqrt())
    } else {
        gamma_ur(df / 2.0, x / 2.0)
    }
}

/// P(X <= k) for X ~ Binomial(n, 1/2).
pub(super) fn fair_binomial_cdf(k: u64, n: u64) -> f64 {
    if k >= n {
        return 1.0;
    }
    let (k, n) = (k as f64, n as f64);
    ln_beta_survival(k + 1.0, n - k, 0.5).exp()
}

/// P(X = k) for X ~ Binomial(n, 1/2).
pub(super) fn fair_binomial_pmf(k: u64, n: u64) -> f64 {
    (ln_choose(n as f64, k as f64) - n as f64 * LN_2).exp()
}

/// ln of n choose k, for 0 <= k <= n.
pub(super) fn ln_choose(n: f64, k: f64) -> f64 {
    -(n + 1.0).ln() - ln_beta(k + 1.0, n - k + 1.0)
}

/// The p-value from a symmetric statistic's upper tail at the statistic and at its negative.
pub(super) fn p_value(alternative: Alternative, at_least: f64, at_most: f64) -> f64 {
    match alternative {
        Alternative::Greater => at_least,
        Alternative::Less => at_most,
        Alternative::TwoSided => 2.0 * at_least.min(at_most),
    }
    .min(1.0)
}

/// The p-value of a standard normal statistic.
pub(super) fn normal_p(z: f64, alternative: Alternative) -> f64 {
    p_value(alternative, normal_survival(z), normal_survival(-z))
}

/// The p-value of Student's statistic.
pub(super) fn student_p(t: f64, df: f64, alternative: Alternative) -> f64 {
    p_value(alternative, student_survival(t, df), student_survival(-t, df))
}
