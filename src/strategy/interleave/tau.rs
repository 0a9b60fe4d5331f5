//! How readily probabilistic interleaving draws from the top: in proportion to 1 / rank^tau.

use std::str::FromStr;

use serde::Serialize;

/// The exponent, from 0, where every item is as likely as the first, to 10, where the first leaves little to the others.
///
/// The bound keeps the weights of the longest lists apart from nothing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Tau(f64);

/// What is no exponent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a number from 0 to {}", Tau::MOST)]
pub struct TauOutOfRange;

/// The weights of the ranks, before they are normalised.
pub(super) struct Weights(Vec<f64>);

impl Default for Tau {
    /// 3, as published.
    fn default() -> Self {
        Self(3.0)
    }
}

impl Tau {
    /// The largest exponent.
    pub const MOST: f64 = 10.0;

    /// Takes a number as an exponent.
    ///
    /// # Errors
    /// When it is not from 0 to 10.
    pub fn new(tau: f64) -> Result<Self, TauOutOfRange> {
        (0.0..=Self::MOST).contains(&tau).then_some(Self(tau)).ok_or(TauOutOfRange)
    }
}

impl FromStr for Tau {
    type Err = TauOutOfRange;

    fn from_str(text: &str) -> Result<Self, TauOutOfRange> {
        text.parse().map_err(|_| TauOutOfRange).and_then(Self::new)
    }
}

impl Weights {
    /// The weights of this many ranks.
    pub(super) fn new(tau: Tau, ranks: usize) -> Self {
        Self((1..=ranks).map(|rank| (rank as f64).powf(-tau.0)).collect())
    }

    /// The weight of a rank, from 1.
    pub(super) fn of(&self, rank: usize) -> f64 {
        self.0[rank - 1]
    }
}
