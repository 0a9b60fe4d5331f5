//! A mean in which the past fades: each value counts exp(-age / tau).

use crate::stats::Undefined;
use crate::stats::checks::finite;
use crate::stats::positive;

/// An exponentially weighted mean of values at irregular times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DecayingMean {
    tau: f64,
    last: Option<f64>,
    sum: f64,
    weight: f64,
}

impl DecayingMean {
    /// A mean in which a value's weight falls to 1/e within `tau`, in the unit of the times that follow.
    ///
    /// # Errors
    /// For a `tau` that is not above 0.
    pub fn new(tau: f64) -> Result<Self, Undefined> {
        Ok(Self { tau: positive("tau", tau)?, last: None, sum: 0.0, weight: 0.0 })
    }

    /// Takes a value at a time, which is not before the last one, and gives the mean as of then.
    ///
    /// # Errors
    /// For a time or value that is not finite, and a time before the last; the mean is then as before.
    pub fn add(&mut self, time: f64, value: f64) -> Result<f64, Undefined> {
        finite(&[time, value])?;
        let elapsed = self.last.map_or(0.0, |last| time - last);
        if elapsed < 0.0 {
            let expected = "not before the last one";
            return Err(Undefined::Parameter { name: "a time", value: time, expected });
        }
        let kept = (-elapsed / self.tau).exp();
        self.sum = self.sum * kept + value;
        self.weight = self.weight * kept + 1.0;
        self.last = Some(time);
        Ok(self.sum / self.weight)
    }
}
