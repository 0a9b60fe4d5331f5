//! Does traffic reach the arms in the designed shares? A sequential test for sample ratio mismatch.
//!
//! Lindon and Malek 2022, with a Dirichlet(k t) prior around the design t. With G the gamma function, c an arm's
//! count and n their sum, ln e is ln G(k) - ln G(k + n) and, for each arm, ln G(k t + c) - ln G(k t) - c ln t. The
//! e-values for several concentrations k are averaged, which finds gross and slight mismatches alike; an average
//! of e-processes is one.

use statrs::function::gamma::ln_gamma;

use crate::stats::Undefined;

const CONCENTRATIONS: [f64; 4] = [10.0, 100.0, 1_000.0, 10_000.0];

/// The test against one design.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleRatio {
    design: Vec<f64>,
}

impl SampleRatio {
    /// A test against these weights, one an arm; they are divided by their sum.
    ///
    /// # Errors
    /// [`Undefined::NoControl`] when fewer than two arms have weight; a weight that is negative or not finite.
    pub fn new(weights: &[f64]) -> Result<Self, Undefined> {
        if let Some(&value) = weights.iter().find(|weight| !(**weight >= 0.0 && weight.is_finite())) {
            return Err(Undefined::Parameter {
                name: "a weight",
                value,
                expected: "a finite number, 0 or more",
            });
        }
        if weights.iter().filter(|weight| **weight > 0.0).count() < 2 {
            return Err(Undefined::NoControl);
        }
        let whole: f64 = weights.iter().sum();
        Ok(Self { design: weights.iter().map(|weight| weight / whole).collect() })
    }

    /// The log e-value after these counts, one an arm, averaged over concentrations 10, 100, 1,000 and 10,000.
    ///
    /// Infinite when an arm without weight was reached at all.
    pub fn log_e(&self, counts: &[u64]) -> f64 {
        let each = CONCENTRATIONS.map(|concentration| self.log_e_at(concentration, counts));
        let largest = each.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if largest.is_infinite() {
            return largest;
        }
        let sum: f64 = each.iter().map(|log_e| (log_e - largest).exp()).sum();
        largest + (sum / CONCENTRATIONS.len() as f64).ln()
    }

    /// The log e-value for one concentration, a number above 0: the larger, the slighter the mismatch it is made for.
    pub fn log_e_at(&self, concentration: f64, counts: &[u64]) -> f64 {
        debug_assert_eq!(counts.len(), self.design.len(), "one count an arm");
        let total = counts.iter().map(|count| *count as f64).sum::<f64>();
        let arms =
            self.design.iter().zip(counts).map(|(weight, count)| arm_term(concentration, *weight, *count));
        ln_gamma(concentration) - ln_gamma(concentration + total) + arms.sum::<f64>()
    }
}

fn arm_term(concentration: f64, weight: f64, count: u64) -> f64 {
    match (weight > 0.0, count) {
        (_, 0) => 0.0,
        (false, _) => f64::INFINITY,
        (true, _) => {
            let (prior, count) = (concentration * weight, count as f64);
            ln_gamma(prior + count) - ln_gamma(prior) - count * weight.ln()
        }
    }
}
