//! What is read at start only: a reload cannot change it, and says which of it the file has changed.

use crate::config::Config;

/// The sections that only a restart takes up, as text, to see whether they were changed. A secret is no part of it:
/// that another one stands in its place cannot be seen.
#[derive(Debug)]
pub struct Fixed([(&'static str, String); 6]);

impl Config {
    /// What a reload cannot change.
    pub fn fixed(&self) -> Fixed {
        let Config { listen, limits, record, deliveries, feedback, rollout, .. } = self;
        Fixed([
            ("listen", format!("{listen:?}")),
            ("limits", format!("{limits:?}")),
            ("record", format!("{record:?}, {deliveries:?}")),
            ("feedback", format!("{feedback:?}")),
            ("webhooks", format!("{:?}", rollout.webhooks)),
            ("fleet", format!("{:?}", rollout.fleet)),
        ])
    }
}

impl Fixed {
    /// The keys of the policy file whose sections differ.
    pub fn changed(&self, other: &Fixed) -> Vec<&'static str> {
        let pairs = self.0.iter().zip(&other.0);
        pairs.filter(|(own, theirs)| own != theirs).map(|((key, _), _)| *key).collect()
    }
}
