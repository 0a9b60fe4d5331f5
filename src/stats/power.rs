//! How many observations a test at a fixed sample size takes, and what it can find.
//!
//! Sizes are not rounded. Tests that may be read at any time take more: `crate::stats::size`.

use crate::stats::Alternative;
use crate::stats::Undefined;
use crate::stats::checks::finite;
use crate::stats::checks::representable;
use crate::stats::closed_unit;
use crate::stats::open_unit;
use crate::stats::positive;
use crate::stats::root::edge;
use crate::stats::tails::normal_quantile;
use crate::stats::tails::normal_survival;
use crate::stats::tails::student_quantile;

/// What a test is to achieve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Demand {
    /// The probability of a false alarm.
    pub alpha: f64,
    /// The probability to find the effect, more than alpha.
    pub power: f64,
    /// What is looked for.
    pub alternative: Alternative,
}

impl Demand {
    /// Half of alpha for a two-sided test, all of it for another; checks the rest as well.
    pub(super) fn tail(&self) -> Result<f64, Undefined> {
        let alpha = open_unit("alpha", self.alpha)?;
        if open_unit("the power", self.power)? <= alpha {
            let expected = "more than alpha";
            return Err(Undefined::Parameter { name: "the power", value: self.power, expected });
        }
        Ok(if self.alternative == Alternative::TwoSided { alpha / 2.0 } else { alpha })
    }

    /// The sum of the quantiles that both errors allow, in standard errors, for a test whose other tail counts nothing.
    fn quantiles(&self) -> Result<(f64, f64), Undefined> {
        Ok((normal_quantile(self.tail()?), normal_quantile(1.0 - self.power)))
    }

    /// The size of an effect that is looked for in its direction.
    pub(super) fn size_of(&self, effect: f64) -> Result<f64, Undefined> {
        let size = match self.alternative {
            Alternative::TwoSided => effect.abs(),
            Alternative::Greater => effect,
            Alternative::Less => -effect,
        };
        if size > 0.0 { Ok(size) } else { Err(Undefined::NoEffect) }
    }
}

/// The observations an arm takes to tell a proportion of `p1` from one of `p0` by the test with a common variance,
/// with as many in either arm (Fleiss 1981, without his correction).
///
/// # Errors
/// [`Undefined::NoEffect`] when `p1` is not on the side that is looked for; proportions outside [0, 1].
pub fn sample_size_pooled(p0: f64, p1: f64, demand: Demand) -> Result<f64, Undefined> {
    Ok(total_for_proportions(p0, p1, 0.5, demand)? / 2.0)
}

/// The observations of both arms together, when the one with `p1` gets this share of them (Fleiss, Tytun and Ury
/// 1980, without correction).
///
/// # Errors
/// As [`sample_size_pooled`], and for a share outside (0, 1).
pub fn total_for_proportions(p0: f64, p1: f64, share: f64, demand: Demand) -> Result<f64, Undefined> {
    let (p0, p1) = (closed_unit("a proportion", p0)?, closed_unit("a proportion", p1)?);
    let share = open_unit("the share", share)?;
    let effect = demand.size_of(p1 - p0)?;
    let (false_alarm, miss) = demand.quantiles()?;
    let (variance, pooled) = (|p: f64| p * (1.0 - p), share * p1 + (1.0 - share) * p0);
    let under_null = variance(pooled) / (share * (1.0 - share));
    let under_effect = variance(p0) / (1.0 - share) + variance(p1) / share;
    Ok(((false_alarm * under_null.sqrt() + miss * under_effect.sqrt()) / effect).powi(2))
}

/// The same an arm by the arcsine transform, whose variance does not depend on the proportion (Cohen 1988).
///
/// # Errors
/// As [`sample_size_pooled`].
pub fn sample_size_arcsine(p0: f64, p1: f64, demand: Demand) -> Result<f64, Undefined> {
    let (p0, p1) = (closed_unit("a proportion", p0)?, closed_unit("a proportion", p1)?);
    let effect = demand.size_of(2.0 * (p1.sqrt().asin() - p0.sqrt().asin()))?;
    let critical = normal_quantile(demand.tail()?);
    let power = |shift: f64| {
        let far =
            if demand.alternative == Alternative::TwoSided { normal_survival(critical + shift) } else { 0.0 };
        normal_survival(critical - shift) + far
    };
    let shift = edge(0.0, 100.0, |shift| power(shift) < demand.power);
    Ok(2.0 * (shift / effect).powi(2))
}

/// The observations that the first side takes for Student's test to find a difference of `effect` standard
/// deviations, where the second has `ratio` times as many; by the noncentral t distribution.
///
/// # Errors
/// [`Undefined::NoEffect`] when the effect is not on the side that is looked for; a ratio that is not above 0.
pub fn sample_size_t(effect: f64, ratio: f64, demand: Demand) -> Result<f64, Undefined> {
    finite(&[effect])?;
    let (effect, ratio) = (demand.size_of(effect)?, positive("the ratio", ratio)?);
    let tail = demand.tail()?;
    let power = |n: f64| {
        let df = n * (1.0 + ratio) - 2.0;
        let shift = effect * (n * ratio / (1.0 + ratio)).sqrt();
        let critical = student_quantile(tail, df);
        let far = if demand.alternative == Alternative::TwoSided {
            noncentral_t_survival(critical, df, -shift)
        } else {
            0.0
        };
        noncentral_t_survival(critical, df, shift) + far
    };
    // The least size leaves one degree of freedom.
    let (mut low, mut high) = (3.0 / (1.0 + ratio), 6.0 / (1.0 + ratio));
    while power(high) < demand.power {
        (low, high) = (high, 2.0 * high);
        representable(high)?;
    }
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if power(middle) < demand.power { low = middle } else { high = middle }
    }
    Ok(high)
}

/// The least difference of means, in the unit of the standard deviation, that so many observations can find.
///
/// # Errors
/// For a standard deviation that is not above 0, and for sides without observations.
pub fn least_detectable_difference(
    standard_deviation: f64,
    n1: u64,
    n2: u64,
    demand: Demand,
) -> Result<f64, Undefined> {
    let deviation = positive("the standard deviation", standard_deviation)?;
    if n1 == 0 || n2 == 0 {
        return Err(Undefined::NoObservations);
    }
    let (false_alarm, miss) = demand.quantiles()?;
    Ok((false_alarm + miss) * deviation * (1.0 / n1 as f64 + 1.0 / n2 as f64).sqrt())
}

/// P(T > t) for T = (Z + shift) / S: the normal tail averaged over S, the square root of a chi-square over its
/// degrees of freedom, of which there is at least 1.
fn noncentral_t_survival(t: f64, df: f64, shift: f64) -> f64 {
    const STEPS: u32 = 1_000;
    let deviation = 1.0 / (2.0 * df).sqrt();
    let (low, high) = ((1.0 - 12.0 * deviation).max(1e-9), 1.0 + 12.0 * deviation);
    let (mut chances, mut whole) = (0.0, 0.0);
    for step in 0..=STEPS {
        let s = low + (high - low) * f64::from(step) / f64::from(STEPS);
        let past = s - 1.0;
        let density = ((df - 1.0) * s.ln() - df * past - df * past * past / 2.0).exp();
        let simpson = match step {
            0 | STEPS => 1.0,
            odd if odd % 2 == 1 => 4.0,
            _ => 2.0,
        };
        whole += simpson * density;
        chances += simpson * density * normal_survival(t * s - shift);
    }
    chances / whole
}
