//! How feedback is taken in.

use std::time::Duration;

use crate::vocab::Secret;

/// The settings of feedback.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The path of the data port that takes feedback too; `None`: only the admin port does.
    pub path: Option<String>,
    /// The key that signs tickets; `None`: answers carry no ticket.
    pub ticket_key: Option<Secret>,
    /// How many requests are remembered for joining; the oldest are forgotten first.
    pub remember: usize,
    /// The largest body of one report, in bytes.
    pub max_body_bytes: usize,
    /// How long a report may take to arrive.
    pub timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        let timeout = Duration::from_secs(10);
        Self { path: None, ticket_key: None, remember: 200_000, max_body_bytes: 1024 * 1024, timeout }
    }
}
