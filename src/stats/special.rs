//! The incomplete beta function and the normal distribution by their logarithms.
//!
//! Evidence against a null can be a probability far below the smallest floating-point number, and e-values of
//! several stages are multiplied: one that underflows to 0 would wipe out the rest. The library function also stops
//! after 140 terms, which is too few for counts in the ten thousands.

use std::f64::consts::PI;
use std::f64::consts::SQRT_2;

use statrs::function::erf::erfc;
use statrs::function::gamma::ln_gamma;

/// ln I_x(a, b), the log-probability that a Beta(a, b) variable is at most `x`, for `x` strictly between 0 and 1.
pub(super) fn ln_beta_cdf(a: f64, b: f64, x: f64) -> f64 {
    ln_beta_cdf_at(a, b, x, 1.0 - x)
}

/// ln of P(Beta(a, b) > x).
pub(super) fn ln_beta_survival(a: f64, b: f64, x: f64) -> f64 {
    ln_beta_cdf_at(b, a, 1.0 - x, x)
}

/// ln I_x(a, b) for an `x` so near to 1 that it must come with its `rest`, 1 - x.
pub(super) fn ln_beta_cdf_at(a: f64, b: f64, x: f64, rest: f64) -> f64 {
    if x <= 0.0 {
        f64::NEG_INFINITY
    } else if rest <= 0.0 {
        0.0
    } else if x < (a + 1.0) / (a + b + 2.0) {
        ln_lower_tail(a, b, x, rest)
    } else {
        // The other tail is the smaller one here, so 1 minus it loses nothing.
        (-ln_lower_tail(b, a, rest, x).exp()).ln_1p()
    }
}

/// ln B(a, b), whose error does not grow with the parameters: of two that are large, the gamma functions cancel
/// almost wholly, so their Stirling series are subtracted term by term (DiDonato and Morris 1992).
pub(super) fn ln_beta(a: f64, b: f64) -> f64 {
    let (less, more) = if a < b { (a, b) } else { (b, a) };
    let sum = less + more;
    if less >= STIRLING_FROM {
        let series = stirling_rest(less) + stirling_rest(more) - stirling_rest(sum);
        0.5 * (std::f64::consts::TAU / more).ln()
            + series
            + (less - 0.5) * (less / sum).ln()
            + more * (-less / sum).ln_1p()
    } else if more >= STIRLING_FROM {
        let series = stirling_rest(more) - stirling_rest(sum);
        ln_gamma(less) + series + less - less * sum.ln() + (more - 0.5) * (-less / sum).ln_1p()
    } else {
        ln_gamma(less) + ln_gamma(more) - ln_gamma(sum)
    }
}

/// From here on five terms of the Stirling series give all digits.
const STIRLING_FROM: f64 = 10.0;

/// ln of the gamma function without its leading terms (x - 1/2) ln x - x + ln(2 pi) / 2 (DLMF 5.11.1).
fn stirling_rest(x: f64) -> f64 {
    let square = 1.0 / (x * x);
    let terms = [1.0 / 12.0, -1.0 / 360.0, 1.0 / 1260.0, -1.0 / 1680.0, 1.0 / 1188.0];
    terms.iter().rev().fold(0.0, |sum, term| sum * square + term) / x
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
fn ln_lower_tail(a: f64, b: f64, x: f64, rest: f64) -> f64 {
    let front = a * ln_of(x, rest) + b * ln_of(rest, x) - a.ln() - ln_beta(a, b);
    front + continued_fraction(a, b, x).ln()
}

/// ln of a part of 1, from the part or the rest, whichever keeps more digits.
fn ln_of(part: f64, rest: f64) -> f64 {
    if part > 0.5 { (-rest).ln_1p() } else { part.ln() }
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
