//! Reloading: the policy file's present content takes the place of the running policy, whole, or not at all.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::SystemTime;

use crate::config;
use crate::config::Config;
use crate::config::Fixed;
use crate::config::Problems;
use crate::judge::Judges;
use crate::proxy::Shared;
use crate::rollout::Rollout;
use crate::telemetry::Metrics;

/// The way from a changed file to a changed policy.
pub struct Reload {
    path: PathBuf,
    fixed: Fixed,
    shared: Arc<Shared>,
    rollout: Rollout,
    judges: Judges,
    /// One reload at a time.
    turn: Mutex<()>,
}

/// A reload's file and what it cannot change, before the parts exist that it changes.
pub(super) struct Watching {
    path: PathBuf,
    fixed: Fixed,
}

/// What a reload did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reloaded {
    /// The file says what the running policy says.
    Unchanged {
        /// The policy's hash.
        hash: String,
    },
    /// The file's policy is in place.
    Changed {
        /// The new policy's hash.
        hash: String,
        /// Which of `listen`, `limits`, `record`, `feedback`, `webhooks` and `fleet` changed too, which only a restart takes up.
        needs_restart: Vec<&'static str>,
    },
}

impl Reload {
    pub(super) fn watching(config: &Config) -> Watching {
        Watching { path: config.path.clone(), fixed: config.fixed() }
    }

    /// Reads the file and puts its policy in place. Problems leave everything as it is; either way the metrics and
    /// the log tell. Blocks while it reads.
    pub fn now(&self) -> Result<Reloaded, Problems> {
        // A panic in an earlier reload left the earlier policy in place.
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.shared.renew_certificates();
        let metrics = &self.shared.metrics;
        match config::load(&self.path) {
            Ok(config) => {
                let reloaded = self.put_in_place(config);
                let changed = matches!(reloaded, Reloaded::Changed { .. });
                metrics
                    .policy_reloads
                    .with_label_values(&[if changed { "changed" } else { "unchanged" }])
                    .inc();
                note_success(metrics);
                Ok(reloaded)
            }
            Err(problems) => {
                tracing::error!(problems = %problems, "the policy file has problems; the running policy stays");
                metrics.policy_reloads.with_label_values(&["rejected"]).inc();
                metrics.policy_ok.set(0);
                Err(problems)
            }
        }
    }

    fn put_in_place(&self, config: Config) -> Reloaded {
        let fixed = config.fixed();
        let Config { upstreams, judges, mut policy, .. } = config;
        let hash = policy.hash.clone();
        let running = self.shared.policy.load_full();
        // A key that the policy only points to may be another one.
        if hash == running.hash && policy.models == running.models {
            return Reloaded::Unchanged { hash };
        }
        let needs_restart = self.fixed.changed(&fixed);
        if !needs_restart.is_empty() {
            tracing::warn!(keys = ?needs_restart, "these changed in the policy file too: a restart takes them up");
        }
        policy.keep_spend(&running);
        policy.keep_shares(&running);
        self.rollout.adopt(&mut policy);
        self.shared.publish(Arc::new(policy), upstreams);
        self.judges.adopt(judges);
        tracing::info!(policy = %hash, "policy reloaded");
        Reloaded::Changed { hash, needs_restart }
    }
}

impl Watching {
    pub(super) fn of(self, shared: Arc<Shared>, rollout: Rollout, judges: Judges) -> Reload {
        let Self { path, fixed } = self;
        note_success(&shared.metrics);
        Reload { path, fixed, shared, rollout, judges, turn: Mutex::new(()) }
    }
}

fn note_success(metrics: &Metrics) {
    metrics.policy_ok.set(1);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    metrics.policy_time.set(now.as_secs_f64());
}
