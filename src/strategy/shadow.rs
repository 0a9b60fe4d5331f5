//! Shadow: legacy answers, a sampled share of requests is copied to the candidate.
//!
//! An optional control leg sends the same request to legacy once more, to measure how much legacy differs from
//! itself. No user ever sees a copy's answer.

use std::time::Duration;

use crate::assign::Share;
use crate::cost::Money;

/// The settings of a shadow experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The share of requests that the candidates get a copy of.
    pub sample: Share,
    /// The share of requests that legacy gets a second time.
    pub control: Share,
    /// How long a copy may take, from its sending to its last byte.
    pub deadline: Duration,
    /// The hard bounds on copies.
    pub budget: Budget,
}

/// Hard bounds on what copies may use at any moment or in a day; beyond them copies are dropped and counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Budget {
    /// Copies in flight at one moment.
    pub in_flight: u32,
    /// Bytes of request bodies held for copies at one moment.
    pub in_flight_bytes: u64,
    /// Copies begun in any one second; `None`: no bound.
    pub per_second: Option<u32>,
    /// Money spent on copies between midnights UTC, in the candidate's currency; `None`: no bound.
    pub money_per_day: Option<Money>,
}
