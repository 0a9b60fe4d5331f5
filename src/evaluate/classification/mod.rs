//! How well classes were told apart, from a confusion matrix that takes one example at a time.
//!
//! The live analysis keeps a matrix an arm, so the matrix is all that these metrics see. Conventions are those of
//! scikit-learn, except that a ratio of 0/0 is undefined unless it is asked to count as 0, which is then marked.

mod confusion;
mod score;

#[cfg(test)]
mod tests;

pub use confusion::Confusion;
pub use confusion::Normalize;
pub use score::Average;
pub use score::Measure;
pub use score::Score;
pub use score::ZeroDivision;
