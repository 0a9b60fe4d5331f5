//! Judges: they say how good a request's answers are, where nobody reports it.
//!
//! A judge reads what is on record, after redaction, and never the answer path: the writer shows each pair to the
//! [`Desk`], which keeps those that were drawn until their judge has time. What does not fit is let go and counted. What
//! a judge says is a record of its own, so that the live figures and a report over the log are the same.
//!
//! **Rules** are kept or broken. A **language model** is asked, for a score or for the better of two answers, which it is
//! shown in both orders. A model of **embeddings** says how near an answer is to legacy's in meaning. A **service** of the user's may do anything that takes a while. **People** judge on the review page,
//! blind, when they have time. The unit of every test is the request, whatever number of calls a judgement took.

mod board;
mod cache;
mod call;
mod case;
mod desk;
mod drop;
mod embeddings;
mod language;
mod llm;
mod review;
mod rules;
mod service;
mod settings;
mod spend;
mod template;
mod text;
mod work;

#[cfg(test)]
mod tests;

pub use case::Case;
pub use desk::Desk;
pub use desk::Judges;
pub use language::Language;
pub use review::Passage;
pub use review::Review;
pub use review::ReviewError;
pub use review::Saying;
pub use review::Sheet;
pub use review::Shown;
pub use review::Word;
pub use rules::Rule;
pub use settings::Budget;
pub use settings::Embeddings;
pub use settings::Human;
pub use settings::Llm;
pub use settings::Service;
pub use settings::Settings;
pub use settings::Way;
pub use template::Template;
pub use text::Said;
pub use text::text_of;
