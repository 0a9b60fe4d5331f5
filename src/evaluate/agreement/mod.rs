//! Agreement: of raters with each other, of two models' outputs, of two distributions; and what a judge's word is
//! worth.
//!
//! Agreement is not quality: two models may agree and both be wrong. And the measures that correct for chance say
//! little where one answer dominates, so show [`agreement_rate`] beside them.

mod counted;
mod distributions;
mod judge;
mod noise;
mod raters;
mod strengths;
mod vectors;

#[cfg(test)]
mod tests;

pub use counted::Kappa;
pub use counted::cohen_kappa_of;
pub use counted::ppi_sequence;
pub use distributions::Homogeneity;
pub use distributions::chi2_homogeneity;
pub use distributions::js_divergence;
pub use distributions::psi;
pub use distributions::total_variation;
pub use judge::Choice;
pub use judge::Lambda;
pub use judge::PositionSwap;
pub use judge::PpiMean;
pub use judge::judge_position_swap;
pub use judge::ppi_mean;
pub use judge::rogan_gladen;
pub use noise::DiffyNoise;
pub use noise::DiffyRule;
pub use noise::diffy_noise;
pub use raters::KappaWeights;
pub use raters::Level;
pub use raters::agreement_rate;
pub use raters::cohen_kappa;
pub use raters::fleiss_kappa;
pub use raters::krippendorff_alpha;
pub use strengths::bradley_terry;
pub use vectors::cosine_similarity;
