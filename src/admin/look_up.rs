//! The arm that a unit has at present, by the same draw as its requests.

use serde_json::Value;
use serde_json::json;

use crate::assign;
use crate::assign::Bucket;
use crate::assign::Share;
use crate::policy::Experiment;
use crate::policy::Policy;
use crate::strategy::Assignment;
use crate::strategy::Strategy;
use crate::vocab::ArmId;

/// Looks up a unit's assignment; nothing is counted or recorded.
pub(super) fn assignment(policy: &Policy, experiment: &Experiment, unit: &str) -> Value {
    let bucket = assign::bucket(&experiment.salts.arm, unit.as_bytes());
    let drawn = draw(experiment, unit.as_bytes(), bucket);
    json!({
        "experiment": experiment.name,
        "unit": unit,
        "arm": experiment.arm_name(policy, drawn.arm),
        "propensity": drawn.propensity,
        // As text, for many readers of JSON round integers above 2^53.
        "bucket": bucket.0.to_string(),
        "enrolled": drawn.enrolled,
    })
}

fn draw(experiment: &Experiment, unit: &[u8], bucket: Bucket) -> Assignment {
    let enrolled = |arm, propensity| Assignment { arm, propensity, enrolled: true, forced: false };
    match &experiment.strategy {
        Strategy::Shadow(_) | Strategy::Interleave(_) => enrolled(ArmId::LEGACY, 1.0),
        Strategy::Canary(_) => {
            let weight = experiment.ramp.load().weight;
            match weight.admits(bucket) {
                true => enrolled(ArmId(1), weight.probability()),
                false => enrolled(ArmId::LEGACY, weight.complement().probability()),
            }
        }
        Strategy::Ab(settings) => {
            let traffic = settings.traffic;
            if !traffic.admits(assign::bucket(&experiment.salts.traffic, unit)) {
                let propensity = traffic.complement().probability();
                return Assignment { arm: ArmId::LEGACY, propensity, enrolled: false, forced: false };
            }
            let (arm, weight) = arm_of(bucket, experiment, &settings.weights);
            enrolled(arm, traffic.probability() * weight.probability())
        }
    }
}

/// The arms lie on the circle one after another, legacy first.
fn arm_of(bucket: Bucket, experiment: &Experiment, weights: &[Share]) -> (ArmId, Share) {
    let mut end = Share::NONE;
    let mut last = (ArmId::LEGACY, Share::NONE);
    for (arm, &weight) in experiment.arm_ids().zip(weights) {
        end = end.checked_add(weight).unwrap_or(Share::ALL);
        last = (arm, weight);
        if end.admits(bucket) {
            break;
        }
    }
    last
}
