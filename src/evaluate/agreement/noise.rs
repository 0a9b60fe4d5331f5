//! Diffy's rule for a field that differs between two models: is it more than legacy differs from itself?
//!
//! Here because people know it. It has no sense of sample size and flags up to a third of fields that are pure
//! noise, so nothing here decides by it.

use serde::Serialize;

use crate::evaluate::NoValue;
use crate::evaluate::sound;

/// The thresholds of the rule, both in percent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DiffyRule {
    /// What the relative difference must exceed.
    pub relative_percent: f64,
    /// What the absolute difference must exceed.
    pub absolute_percent: f64,
}

impl Default for DiffyRule {
    /// Diffy's own.
    fn default() -> Self {
        Self { relative_percent: 20.0, absolute_percent: 0.03 }
    }
}

/// What the rule makes of a field.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct DiffyNoise {
    /// The difference of both counts in percent of their sum; `None` when both are 0.
    pub relative: Option<f64>,
    /// Their difference in percent of all requests.
    pub absolute: f64,
    /// Whether the models differ more than legacy from itself, by both thresholds.
    pub flagged: bool,
}

/// Applies the rule of opendiffy to counts of requests in which a field differs: between the models, and between two
/// calls of legacy.
///
/// # Errors
/// [`NoValue::Undefined`] without requests; [`NoValue::Invalid`] for a threshold that is not finite.
pub fn diffy_noise(raw: u64, noise: u64, requests: u64, rule: DiffyRule) -> Result<DiffyNoise, NoValue> {
    let DiffyRule { relative_percent, absolute_percent } = rule;
    sound::all_finite(&[relative_percent, absolute_percent])?;
    let difference = 100.0 * raw.abs_diff(noise) as f64;
    let absolute = sound::ratio(difference, requests as f64, "there are no requests")?;
    let relative = match raw as f64 + noise as f64 {
        0.0 => None,
        sum => Some(difference / sum),
    };
    let exceeds = relative.is_some_and(|relative| relative > relative_percent) && absolute > absolute_percent;
    Ok(DiffyNoise { relative, absolute, flagged: raw > noise && exceeds })
}
