//! Feedback: what happened later, joined with its request.
//!
//! The answer path remembers what it showed; an outcome names its request by id, or carries the signed ticket that
//! the answer gave, and is checked against the policy's declaration, joined, and handed to the record. Memory is
//! bounded; nothing here is awaited by the answer path.

mod settings;

pub use settings::Settings;
