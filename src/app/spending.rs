//! What experiments spent today, kept over a restart: `spending.json` in the record's directory.
//!
//! It is saved once a second when it changed, and at the end. A gateway that is killed forgets at most that second.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;

use crate::policy::Policy;
use crate::policy::Spent;
use crate::record::replace;

const EVERY: Duration = Duration::from_secs(1);

/// The file, and what stands in it.
#[derive(Debug)]
pub(super) struct Ledger {
    path: PathBuf,
    saved: Mutex<BTreeMap<String, Spent>>,
}

impl Ledger {
    /// The ledger in a directory. What cannot be read is logged, and begins anew.
    pub(super) fn in_dir(dir: &Path) -> Self {
        let path = dir.join("spending.json");
        let saved = match fs::read(&path) {
            Ok(content) => serde_json::from_slice(&content).unwrap_or_else(|error| {
                tracing::error!(path = %path.display(), %error, "what was spent today cannot be read; it counts from nothing");
                BTreeMap::new()
            }),
            Err(_) => BTreeMap::new(),
        };
        Self { path, saved: Mutex::new(saved) }
    }

    /// Lets the experiments of a policy go on with what they had spent.
    pub(super) fn restore(&self, policy: &Policy) {
        let saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        for experiment in &policy.experiments {
            if let Some(spent) = saved.get(experiment.name.as_str()) {
                experiment.spend.restore(spent);
            }
        }
    }

    /// Saves what the experiments of a policy have spent, if that is something else than what was saved. Blocks.
    pub(super) fn save(&self, policy: &Policy) {
        let mut saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        let of =
            |experiment: &crate::policy::Experiment| (experiment.name.to_string(), experiment.spend.spent());
        let spent: BTreeMap<String, Spent> =
            policy.experiments.iter().map(of).filter(|(_, spent)| *spent != Spent::default()).collect();
        if *saved == spent {
            return;
        }
        let content = serde_json::to_vec(&spent).unwrap_or_default();
        match replace(&self.path, &content) {
            Ok(()) => *saved = spent,
            Err(error) => {
                tracing::debug!(path = %self.path.display(), %error, "what was spent today is not saved")
            }
        }
    }

    /// Saves until it is told to stop.
    pub(super) async fn keep(self: Arc<Self>, policy: Arc<ArcSwap<Policy>>, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(EVERY);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let (ledger, policy) = (Arc::clone(&self), policy.load_full());
            // A panic leaves what was saved before.
            let _ = tokio::task::spawn_blocking(move || ledger.save(&policy)).await;
        }
    }
}
