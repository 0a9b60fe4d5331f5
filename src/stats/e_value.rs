//! How e-values are put together, and made from p-values.

use serde::Serialize;

use crate::stats::Undefined;
use crate::stats::open_unit;

/// What several e-values come to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CombinedE {
    /// Their average, an e-value however they depend on each other (Vovk and Wang 2021).
    pub average: f64,
    /// Their product, an e-value only when each is one given those before it; `None` where 0 meets infinity.
    pub product: Option<f64>,
    /// The p-value that the average allows: min(1, 1 / average).
    pub p_from_average: f64,
}

/// Puts e-values together. Each is 0 or more, and may be infinite.
///
/// # Errors
/// Without any; when one is negative or no number.
pub fn combine_e(e_values: &[f64]) -> Result<CombinedE, Undefined> {
    if let Some(&value) = e_values.iter().find(|e| e.is_nan() || **e < 0.0) {
        return Err(Undefined::Parameter { name: "an e-value", value, expected: "0 or more" });
    }
    if e_values.is_empty() {
        return Err(Undefined::NoObservations);
    }
    let count = e_values.len() as f64;
    // Divided first, because the sum of large ones would overflow.
    let average: f64 = e_values.iter().map(|e| e / count).sum();
    let product: f64 = e_values.iter().product();
    Ok(CombinedE {
        average,
        product: (!product.is_nan()).then_some(product),
        p_from_average: average.recip().min(1.0),
    })
}

/// The e-value that a p-value is worth: kappa p^(kappa - 1) (Vovk and Wang 2021); infinite for a p-value of 0.
///
/// # Errors
/// When `p` is not within [0, 1] or `kappa` not within (0, 1).
pub fn p_to_e(p: f64, kappa: f64) -> Result<f64, Undefined> {
    let kappa = open_unit("kappa", kappa)?;
    if !(0.0..=1.0).contains(&p) {
        return Err(Undefined::Parameter { name: "the p-value", value: p, expected: "a number from 0 to 1" });
    }
    Ok(kappa * p.powf(kappa - 1.0))
}
