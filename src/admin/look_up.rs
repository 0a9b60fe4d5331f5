//! The arm that a unit has at present, by the same plan as its requests.

use serde_json::Value;
use serde_json::json;

use crate::assign;
use crate::policy::Experiment;
use crate::policy::Policy;
use crate::strategy::Draw;

/// Looks up a unit's assignment; nothing is counted or recorded.
pub(super) fn assignment(policy: &Policy, experiment: &Experiment, unit: &str) -> Value {
    let bucket = assign::bucket(&experiment.salts.arm, unit.as_bytes());
    let (stage, split) = (experiment.ramp.load(), experiment.split());
    let draw = Draw {
        salts: &experiment.salts,
        unit: Some(unit.as_bytes()),
        // Decides copies alone, and none is made.
        request: &[],
        open: stage.phase.is_open(),
        weight: stage.weight,
        shares: split.as_ref().map(|split| &split.weights[..]),
        forced: None,
    };
    let drawn = experiment.strategy.plan(&draw, experiment.arms.len()).assignment;
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
