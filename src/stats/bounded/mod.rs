//! The mean of observations of bounded range, whatever their distribution: confidence sequences that are exact.
//!
//! Waudby-Smith and Ramdas 2023. Both methods bet against a mean, with bets that only look back. The empirical
//! Bernstein sequence keeps six numbers; betting is tighter and keeps two for each mean on a grid.

mod bernstein;
mod betting;
mod bets;

#[cfg(test)]
mod tests;

pub use bernstein::EmpiricalBernstein;
pub use betting::BettingCs;
pub use betting::BettingProcess;
pub use betting::BettingSettings;

use crate::stats::Undefined;

/// An observation within its range.
fn within(lower: f64, upper: f64, x: f64) -> Result<f64, Undefined> {
    let inside = x >= lower && x <= upper;
    inside.then_some(x).ok_or(Undefined::Parameter {
        name: "an observation",
        value: x,
        expected: "a number within the declared range",
    })
}
