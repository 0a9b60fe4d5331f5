//! Judges: they say how good a request's answers are, where nobody reports it.
//!
//! A judge reads what is on record, after redaction, and never the answer path: the writer shows each pair to the
//! [`Desk`], which keeps those that were drawn until their judge has time. What does not fit is let go and counted. What
//! a judge says is a record of its own, so that the live figures and a report over the log are the same.
//!
//! **Rules** are kept or broken. The unit of every test is the request, whatever number of calls a judgement took.

mod case;
mod desk;
mod drop;
mod language;
mod rules;
mod settings;
mod text;
mod work;

pub use case::Case;
pub use desk::Desk;
pub use desk::Judges;
pub use language::Language;
pub use rules::Rule;
pub use settings::Settings;
pub use settings::Way;
pub use text::Said;
pub use text::text_of;
