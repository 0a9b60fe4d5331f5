//! The incomplete beta function and the normal distribution by their logarithms.
//!
//! Evidence against a null can be a probability far below the smallest floating-point number, and e-values of
//! several stages are multiplied: one that underflows to 0 would wipe out the rest. The library function also stops
//! after 140 terms, which is too few for counts in the ten thousands.

use std::f64::consts::PI;
use std::f64::consts::SQRT_2;

use statrs::function::beta::ln_beta;
use statrs::function::erf::erfc;

/// ln I_x(a, b), the log-probability that a Beta(a, b) variable is at most `x`, for `x` strictly between 0 and 1.
pub(super) fn ln_beta_cdf(a: f64, b: f64, x: f64) -> f64 {
    if x < (a + 1.0) / (a + b + 2.0) {
        ln_lower_tail(a, b, x)
    } else {
        // The other tail is the smaller one here, so 1 minus it loses nothing.
        (-ln_lower_tail(b, a, 1.0 - x).exp()).ln_1p()
    }
}

/// ln of P(Beta(a, b) > x).
pub(super) fn ln_beta_survival(a: f64, b: f64, x: f64) -> f64 {
    if x < (a + 1.0) / (a + b + 2.0) {
        (-ln_lower_tail(a, b, x).exp()).ln_1p()
    } else {
        ln_lower_tail(b, a, 1.0 - x)
    }
}

/// ln P(N(0, 1) <= z) + z^2 / 2, which keeps its digits where the probability is too small for a number.
pub(super) fn ln_normal_cdf_scaled(z: f64) -> f64 {
    if z > -5.0 {
        return (0.5 * erfc(-z / SQRT_2)).ln() + 0.5 * z * z;
    }
    // Mills' ratio 1 / (x + 1 / (x + 2 / (x + ...))), DLMF 7.9.
    let tail = (1..=60).rev().fold(0.0, |tail, k| f64::from(k) / (tail - z));
    -(tail - z).ln() - 0.5 * (2.0 * PI).ln()
}

/// The continued fraction DLMF 8.17.22, which converges fast for x below the mean.
fn ln_lower_tail(a: f64, b: f64, x: f64) -> f64 {
    let front = a * x.ln() + b * (-x).ln_1p() - a.ln() - ln_beta(a, b);
    front + continued_fraction(a, b, x).ln()
}

/// Evaluates 1 / (1 + d1 / (1 + d2 / ...)) by the modified algorithm of Lentz (Thompson and Barnett 1986).
///
/// It takes about as many terms as the square root of the larger parameter.
fn continued_fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    const TERMS: u32 = 200_000;
    let away_from_zero = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut value = d;
    for m in (1..TERMS).map(f64::from) {
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for term in [even, odd] {
            d = 1.0 / away_from_zero(1.0 + term * d);
            c = away_from_zero(1.0 + term / c);
            change = c * d;
            value *= change;
        }
        if (change - 1.0).abs() <= f64::EPSILON {
            break;
        }
    }
    value
}
