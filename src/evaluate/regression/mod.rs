//! How far predicted numbers are from the true ones, from moments that take one example at a time.
//!
//! The live analysis keeps the moments an arm; only the median needs the examples themselves. Conventions are those
//! of scikit-learn, except that a relative error of a true 0 is undefined unless it is asked for.

mod median;
mod moments;
mod residuals;

#[cfg(test)]
mod tests;

pub use median::median_absolute_error;
pub use residuals::Residuals;
pub use residuals::ZeroTarget;
