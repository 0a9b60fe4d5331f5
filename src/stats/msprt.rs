//! The mixture sequential probability ratio test of a mean, for normal observations of known variance.
//!
//! Johari, Koomen, Pekelis and Walsh 2022. It is Robbins' two-sided normal mixture with rho = sigma^2 / tau^2. With an
//! estimated variance it is only valid for long runs, as [`AsymptoticCs`](crate::stats::AsymptoticCs) is, which says
//! so: decide by that one.

use serde::Deserialize;
use serde::Serialize;

use crate::stats::Undefined;
use crate::stats::boundary::NormalMixture;
use crate::stats::boundary::Sides;
use crate::stats::finite;
use crate::stats::positive;

/// The test with what it has seen so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Msprt {
    theta0: f64,
    sigma: f64,
    mixture: NormalMixture,
    seen: u64,
    /// Of the observations less `theta0`.
    sum: f64,
}

impl Msprt {
    /// A test that the mean is `theta0`, against normal alternatives around it of variance `tau2`, where observations
    /// have the variance `sigma2`.
    ///
    /// # Errors
    /// When `theta0` is not finite or a variance not above 0.
    pub fn new(theta0: f64, sigma2: f64, tau2: f64) -> Result<Self, Undefined> {
        let theta0 = finite("the mean of the null", theta0)?;
        let (sigma2, tau2) = (positive("sigma^2", sigma2)?, positive("tau^2", tau2)?);
        let mixture = NormalMixture::with_rho(sigma2 / tau2, Sides::Two)?;
        Ok(Self { theta0, sigma: sigma2.sqrt(), mixture, seen: 0, sum: 0.0 })
    }

    /// Takes an observation.
    ///
    /// # Errors
    /// When it is not finite; it is left out then.
    pub fn add(&mut self, x: f64) -> Result<(), Undefined> {
        self.sum += finite("an observation", x)? - self.theta0;
        self.seen += 1;
        Ok(())
    }

    /// The log of the mixture's likelihood ratio, which is a log e-value; 0 before the first observation.
    pub fn log_e(&self) -> f64 {
        self.mixture.log_e(self.sum / self.sigma, self.seen as f64)
    }
}
