//! Do bad events come from the candidate more often than its share of traffic?
//!
//! Given that an event happened, it came from the candidate with probability rho RR / (rho RR + 1 - rho), whatever
//! the rate of events and however it drifts: rho is the candidate's share of the traffic of both arms, RR the
//! relative risk. So the count of the candidate's events among all is held against p0 = rho r0 / (rho r0 + 1 - rho)
//! (Lindon and Malek 2022). Stages of a ramp have one test each; their evidence is added, never their counts.

use crate::stats::Alternative;
use crate::stats::BetaBinomial;
use crate::stats::Interval;
use crate::stats::Undefined;
use crate::stats::positive;
use crate::stats::share_cs;

/// How firmly the prior sits at the null, in events.
const PRIOR_STRENGTH: f64 = 10.0;

/// The test of one stage, in which the candidate's share of traffic is constant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EventShare {
    share: f64,
    p0: f64,
    strength: f64,
}

impl EventShare {
    /// A test of the relative risk against `max_ratio`, where the candidate gets this share of the traffic of both
    /// arms: 1 for superiority and for roll-back, more for a margin.
    ///
    /// # Errors
    /// [`Undefined::NoControl`] when the share is 0 or 1; a `max_ratio` that is not above 0.
    pub fn new(share: f64, max_ratio: f64) -> Result<Self, Undefined> {
        let ratio = positive("the relative risk of the null", max_ratio)?;
        if !(share > 0.0 && share < 1.0) {
            return Err(Undefined::NoControl);
        }
        let p0 = share * ratio / (share * ratio + 1.0 - share);
        Ok(Self { share, p0, strength: PRIOR_STRENGTH })
    }

    /// The same test with a prior that weighs this many events instead of 10.
    ///
    /// # Errors
    /// When the number is not above 0.
    pub fn with_prior_strength(self, events: f64) -> Result<Self, Undefined> {
        Ok(Self { strength: positive("the strength of the prior", events)?, ..self })
    }

    /// The candidate's share of events under the null.
    pub fn null_share(&self) -> f64 {
        self.p0
    }

    /// The log e-value: evidence that the relative risk is above the null (`Greater`), below it (`Less`: superiority,
    /// or non-inferiority within a margin) or either. The prior is Beta(10 p0, 10 (1 - p0)), cut off one-sidedly, unless it
    /// was given another strength.
    pub fn log_e(&self, alternative: Alternative, candidate_events: u64, legacy_events: u64) -> f64 {
        let (a, b) = (self.strength * self.p0, self.strength * (1.0 - self.p0));
        BetaBinomial::new(a, b, self.p0, alternative)
            .expect("a share and a ratio that `new` took give a p0 within (0, 1)")
            .log_e(candidate_events, legacy_events)
    }

    /// The confidence sequence for the candidate's share of events, its prior at the share of traffic.
    ///
    /// # Errors
    /// Before the first event, and for an alpha outside (0, 1).
    pub fn share(
        &self,
        candidate_events: u64,
        legacy_events: u64,
        alpha: f64,
    ) -> Result<Interval, Undefined> {
        let (a, b) = (self.strength * self.share, self.strength * (1.0 - self.share));
        share_cs(a, b, candidate_events, legacy_events, alpha)
    }

    /// The confidence sequence for the relative risk; without an event of legacy's its upper end is infinite.
    ///
    /// # Errors
    /// As [`EventShare::share`].
    pub fn relative_risk(
        &self,
        candidate_events: u64,
        legacy_events: u64,
        alpha: f64,
    ) -> Result<Interval, Undefined> {
        let Interval { lower, upper } = self.share(candidate_events, legacy_events, alpha)?;
        let ratio = |share: f64| share * (1.0 - self.share) / ((1.0 - share) * self.share);
        Ok(Interval { lower: ratio(lower), upper: ratio(upper) })
    }
}
