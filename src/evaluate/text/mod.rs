//! How close a text is to what it should have been: BLEU, chrF, ROUGE, exact answers, edit distances.
//!
//! The conventions are those of the libraries whose numbers are published: sacreBLEU, rouge-score, the SQuAD script,
//! jiwer. Texts come from users and models and may be long: what counts n-grams takes time and memory in proportion
//! to the texts; what aligns them (edit distances, ROUGE-L) takes time in proportion to the product of their lengths
//! divided by 64, and memory in proportion to the texts or little more. The exception is ROUGE-Lsum of very many
//! short lines, see [`Rouge::score`]. Nothing here recurses.

mod answer;
mod bleu;
mod bleu_tokens;
mod chrf;
mod edit;
mod ngrams;
mod porter;
mod positions;
mod rouge;
mod rouge_lines;
mod subsequence;
mod words;

#[cfg(test)]
mod tests;

pub use answer::Normalization;
pub use answer::exact_match;
pub use answer::token_f1;
pub use bleu::Bleu;
pub use bleu::BleuOrders;
pub use bleu::BleuSmoothing;
pub use bleu::BleuSums;
pub use bleu_tokens::BleuReading;
pub use bleu_tokens::BleuTokenizer;
pub use bleu_tokens::Case;
pub use chrf::Chrf;
pub use edit::character_error_rate;
pub use edit::edit_similarity;
pub use edit::levenshtein;
pub use edit::word_error_rate;
pub use rouge::Rouge;
pub use rouge::RougeScore;
pub use rouge::RougeWords;
