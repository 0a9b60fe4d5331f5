//! The arm that a unit has at present, by the same plan as its requests.

use serde_json::Value;
use serde_json::json;

use crate::assign;
use crate::policy::Experiment;
use crate::policy::Policy;
use crate::policy::Stage;
use crate::strategy::Assignment;
use crate::strategy::Draw;

/// Looks up a unit's assignment; nothing is counted or recorded.
pub(super) fn assignment(policy: &Policy, experiment: &Experiment, unit: &str) -> Value {
    let bucket = assign::bucket(&experiment.salts.arm, unit.as_bytes());
    let drawn = drawn(experiment, unit, &experiment.ramp.load());
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

/// Draws as a request of the unit would be, at this stage.
pub(super) fn drawn(experiment: &Experiment, unit: &str, stage: &Stage) -> Assignment {
    let split = experiment.split();
    let draw = Draw {
        whole_units: experiment.whole_units,
        salts: &experiment.salts,
        unit: Some(unit.as_bytes()),
        // Decides copies alone, and none is made.
        request: &[],
        open: stage.phase.is_open(),
        weight: stage.weight,
        shares: split.as_ref().map(|split| &split.weights[..]),
        forced: None,
    };
    experiment.strategy.plan(&draw, experiment.arms.len()).assignment
}
