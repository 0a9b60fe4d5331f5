//! A/B tests whose shares follow what is learnt: every so often the shares are set to top-two Thompson sampling's
//! propensities (Russo 2016), from the live counts of successes.
//!
//! What comes next is a pure function of the counts, so nothing need survive a restart: the shares are soon what they were.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::analysis::Analysis;
use crate::assign::Share;
use crate::policy::Policy;
use crate::stats::BetaPosterior;
use crate::stats::TopTwo;
use crate::stats::Undefined;
use crate::telemetry::Metrics;
use crate::vocab::ExperimentName;

/// How often it is looked whether shares are due.
const TICK: Duration = Duration::from_millis(250);

/// Shares are whole multiples of 0.1 %, so that they come to rest once all is learnt.
const GRAIN: u32 = 1_000_000;

/// What the allocation of a whole gateway looks at and writes.
#[derive(Debug)]
pub struct Allocation {
    /// The policy in force, whose experiments' shares are set.
    pub policy: Arc<ArcSwap<Policy>>,
    /// Where successes are counted.
    pub analysis: Arc<Mutex<Analysis>>,
    /// Where the shares are shown.
    pub metrics: Arc<Metrics>,
}

impl Allocation {
    /// Sets shares until `stop`. Belongs on the side runtime.
    pub async fn run(self, stop: CancellationToken) {
        let mut tick = tokio::time::interval(TICK);
        let mut set = HashMap::new();
        while stop.run_until_cancelled(tick.tick()).await.is_some() {
            self.step(&mut set);
        }
    }

    /// Sets the shares that are due; `set` knows when each experiment's were last looked at.
    fn step(&self, set: &mut HashMap<ExperimentName, Instant>) {
        let policy = self.policy.load_full();
        for (place, experiment) in policy.experiments.iter().enumerate() {
            let Some(thompson) = experiment.allocation() else { continue };
            let last = set.entry(experiment.name.clone()).or_insert_with(Instant::now);
            if last.elapsed() < thompson.every {
                continue;
            }
            *last = Instant::now();
            let counts = {
                // A panic under the lock can only have left one record half counted.
                let analysis = self.analysis.lock().unwrap_or_else(PoisonError::into_inner);
                analysis.learnt(experiment.name.as_str(), &thompson.reward)
            };
            let Some(counts) = counts.filter(|counts| counts.len() == experiment.arms.len()) else {
                continue;
            };
            match next(&counts, thompson.floor) {
                Ok(weights) => {
                    experiment.shares.set(weights);
                    publish(&self.metrics, &policy, place);
                }
                Err(error) => {
                    tracing::warn!(experiment = %experiment.name, %error, "the shares stay as they are")
                }
            }
        }
    }
}

/// The shares after these successes and failures of each arm, legacy first; none below the floor. Of two arms each gets
/// its probability to be the better (Thompson 1933); of more the best gets about half.
///
/// # Errors
/// For fewer than two arms, and floors that add up to more than everything.
pub fn next(counts: &[(u64, u64)], floor: Share) -> Result<Vec<Share>, Undefined> {
    let posteriors: Vec<BetaPosterior> =
        counts.iter().map(|(successes, failures)| BetaPosterior::after(*successes, *failures)).collect();
    // Of two arms the second draw is always the other one, so that half to the leader would be half to each for ever.
    let leader_share = if counts.len() > 2 { TopTwo::default().leader_share } else { 1.0 };
    let top_two = TopTwo { leader_share, floor: floor.probability() };
    let propensities = top_two.allocate(&posteriors)?.propensities();
    let rounded = |propensity: &f64| {
        let billionths = (propensity * f64::from(Share::ALL.billionths())) as u32;
        (billionths / GRAIN * GRAIN).max(floor.billionths())
    };
    let mut shares: Vec<u32> = propensities.iter().map(rounded).collect();
    // What rounding leaves or takes is the largest's, which is far from the floor or equal to all others.
    let largest = (0..shares.len()).max_by_key(|arm| shares[*arm]).unwrap_or(0);
    let others: u32 =
        shares.iter().enumerate().filter(|(arm, _)| *arm != largest).map(|(_, share)| share).sum();
    shares[largest] = Share::ALL.billionths().saturating_sub(others);
    Ok(shares.into_iter().filter_map(Share::from_billionths).collect())
}

/// Shows the present shares.
fn publish(metrics: &Metrics, policy: &Policy, place: usize) {
    let experiment = &policy.experiments[place];
    for (arm, weight) in experiment.arm_ids().zip(experiment.weights()) {
        let labels = [experiment.name.as_str(), experiment.arm_name(policy, arm).as_str()];
        metrics.weight.with_label_values(&labels).set(weight.probability());
    }
}
