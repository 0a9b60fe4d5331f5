//! Do means differ? Student's t without the assumption of equal variances, and of differences within pairs.
//!
//! For one look at a sample size fixed beforehand. Where neither sample varies there is no test: libraries report
//! p = 0 there, which is a verdict out of nothing.

use serde::Serialize;

use crate::stats::Alternative;
use crate::stats::Interval;
use crate::stats::Moments;
use crate::stats::Undefined;
use crate::stats::checks::finite;
use crate::stats::checks::representable;
use crate::stats::open_unit;
use crate::stats::tails::student_p;
use crate::stats::tails::student_quantile;

/// A t-test's figures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TTest {
    /// The difference over its standard error.
    pub t: f64,
    /// The degrees of freedom, not whole for Welch's test.
    pub df: f64,
    /// The p-value.
    pub p: f64,
}

/// Welch's test (1947) of the mean of `a` minus the mean of `b`, with Satterthwaite's degrees of freedom.
///
/// # Errors
/// Below two values a side; [`Undefined::NoVariance`] when neither side varies.
pub fn welch(a: &Moments, b: &Moments, alternative: Alternative) -> Result<TTest, Undefined> {
    Contrast::of(a, b)?.against(0.0, alternative)
}

/// The interval for the mean of `a` minus the mean of `b` that goes with [`welch`].
///
/// # Errors
/// As [`welch`], and for a confidence outside (0, 1).
pub fn welch_interval(a: &Moments, b: &Moments, confidence: f64) -> Result<Interval, Undefined> {
    let tail = (1.0 - open_unit("the confidence", confidence)?) / 2.0;
    let Contrast { difference, error, df } = Contrast::of(a, b)?;
    let half = student_quantile(tail, df) * error;
    Ok(Interval { lower: representable(difference - half)?, upper: representable(difference + half)? })
}

/// Welch's test of the null that the candidate's mean is lower than legacy's by `margin` or more.
///
/// # Errors
/// As [`welch`], and for a margin that is not finite.
pub fn welch_non_inferiority(candidate: &Moments, legacy: &Moments, margin: f64) -> Result<TTest, Undefined> {
    finite(&[margin])?;
    Contrast::of(candidate, legacy)?.against(-margin, Alternative::Greater)
}

/// The t-test that the mean of differences within pairs is 0 (Student 1908).
///
/// # Errors
/// Below two differences; [`Undefined::NoVariance`] when all are equal.
pub fn paired_t(differences: &Moments, alternative: Alternative) -> Result<TTest, Undefined> {
    let error = differences.mean_variance()?.sqrt();
    Contrast { difference: differences.mean()?, error, df: (differences.n() - 1) as f64 }
        .against(0.0, alternative)
}

/// A difference with its standard error.
struct Contrast {
    difference: f64,
    error: f64,
    df: f64,
}

impl Contrast {
    fn of(a: &Moments, b: &Moments) -> Result<Self, Undefined> {
        let (of_a, of_b) = (a.mean_variance()?, b.mean_variance()?);
        let both = representable(of_a + of_b)?;
        if both == 0.0 {
            return Err(Undefined::NoVariance);
        }
        // By shares, because squares of variances overflow.
        let (share_a, share_b) = (of_a / both, of_b / both);
        let df = 1.0 / (share_a * share_a / (a.n() - 1) as f64 + share_b * share_b / (b.n() - 1) as f64);
        Ok(Self { difference: representable(a.mean()? - b.mean()?)?, error: both.sqrt(), df })
    }

    fn against(&self, null: f64, alternative: Alternative) -> Result<TTest, Undefined> {
        let Contrast { difference, error, df } = *self;
        if error == 0.0 {
            return Err(Undefined::NoVariance);
        }
        let t = representable((difference - null) / error)?;
        Ok(TTest { t, df, p: student_p(t, df, alternative) })
    }
}
