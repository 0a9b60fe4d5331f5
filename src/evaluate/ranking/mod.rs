//! How good ranked lists are, against judged items or against each other.
//!
//! Ranks count from 1, best first; a list names no item twice. Without a relevant item most metrics are undefined,
//! where `trec_eval` says 0: the ranker had no chance.

mod correlation;
mod judged;
mod overlap;
mod scored;

#[cfg(test)]
mod tests;

pub use correlation::kendall_tau_b;
pub use correlation::kendall_tau_ranked;
pub use correlation::spearman;
pub use judged::Gain;
pub use judged::Judged;
pub use judged::mean_reciprocal_rank;
pub use judged::ndcg_vs_reference;
pub use overlap::jaccard_at;
pub use overlap::overlap_at;
pub use overlap::rbo_ext;
pub use scored::ndcg_by_scores;

/// Why a list is refused.
const TWICE: &str = "a list names an item twice";
