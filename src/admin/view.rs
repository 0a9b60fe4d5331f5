//! Experiments as operators are shown them: settings, weights, the ramp, what is known so far.

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::policy::Experiment;
use crate::policy::Policy;
use crate::policy::UnitSource;
use crate::rollout::Rollout;
use crate::rollout::Status;
use crate::strategy::Strategy;
use crate::strategy::ab::Reward;
use crate::strategy::ab::Thompson;
use crate::vocab::ArmId;

/// All experiments, in the order in which they are matched.
pub(super) fn experiments(policy: &Policy, rollout: &Rollout) -> Value {
    let short = |experiment: &Experiment| {
        let ramp = rollout.status(experiment.name.as_str()).ok();
        let mut shown = outline(policy, experiment, ramp.as_ref());
        if let Some(Value::Object(ramp)) = shown.get_mut("ramp") {
            ramp.remove("history");
        }
        Value::Object(shown)
    };
    let experiments: Vec<Value> = policy.experiments.iter().map(short).collect();
    json!({"policy": policy.hash, "experiments": experiments})
}

/// One experiment with everything that is known of it.
pub(super) fn experiment(
    policy: &Policy,
    experiment: &Experiment,
    ramp: Option<&Status>,
    summary: Option<Value>,
) -> Value {
    let mut shown = outline(policy, experiment, ramp);
    let units: Vec<String> = experiment.unit.iter().map(unit).collect();
    let outcomes: Map<String, Value> = experiment
        .outcomes
        .iter()
        .map(|(name, rule)| {
            let rule = json!({
                "type": rule.kind, "window_seconds": rule.window.as_secs_f64(), "absent": rule.absent,
            });
            (name.to_string(), rule)
        })
        .collect();
    shown.insert("policy".to_owned(), json!(policy.hash));
    shown.insert("unit".to_owned(), json!(units));
    shown.insert("settings".to_owned(), settings(&experiment.strategy));
    shown.insert("outcomes".to_owned(), Value::Object(outcomes));
    shown.insert("summary".to_owned(), summary.unwrap_or(Value::Null));
    Value::Object(shown)
}

/// What a list shows of each experiment.
fn outline(policy: &Policy, experiment: &Experiment, ramp: Option<&Status>) -> Map<String, Value> {
    let arms: Vec<Value> = experiment
        .arm_ids()
        .zip(experiment.weights())
        .map(|(arm, weight)| {
            let part = if arm == ArmId::LEGACY { "legacy" } else { "candidate" };
            json!({
                "name": experiment.arm_name(policy, arm), "part": part, "weight": weight.to_string(),
            })
        })
        .collect();
    let shown = [
        ("name", json!(experiment.name)),
        ("strategy", json!(experiment.strategy.kind())),
        ("arms", json!(arms)),
        ("ramp", json!(ramp)),
    ];
    shown.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn settings(strategy: &Strategy) -> Value {
    match strategy {
        Strategy::Shadow(settings) => json!({
            "sample": settings.sample.to_string(),
            "control": settings.control.to_string(),
            "deadline_seconds": settings.deadline.as_secs_f64(),
        }),
        Strategy::Canary(settings) => {
            let steps: Vec<Value> = settings
                .steps
                .iter()
                .map(|step| {
                    json!({
                        "weight": step.weight.to_string(),
                        "hold_seconds": step.hold.as_secs_f64(),
                        "min_requests": step.min_requests,
                        "until_verdict": step.until_verdict,
                        "approval": step.approve,
                        "timeout_seconds": step.timeout.map(|timeout| timeout.as_secs_f64()),
                    })
                })
                .collect();
            json!({"steps": steps, "pair": settings.pair.to_string(), "fallback": settings.fallback})
        }
        Strategy::Ab(settings) => {
            let mut shown = json!({
                "traffic": settings.traffic.to_string(),
                "pair": settings.pair.to_string(),
                "fallback": settings.fallback,
            });
            if let Some(Thompson { reward, floor, every }) = &settings.allocation {
                let (kind, name) = match reward {
                    Reward::Outcome(name) => ("outcome", name.to_string()),
                    Reward::Metric(name) => ("metric", name.to_string()),
                };
                let seconds = every.as_secs_f64();
                shown["allocation"] =
                    json!({kind: name, "floor": floor.to_string(), "every_seconds": seconds});
            }
            shown
        }
        Strategy::Interleave(settings) => json!({
            "method": settings.mixing.method,
            "shared_prefix": settings.mixing.shared_prefix,
            "tau": settings.mixing.tau,
            "items": settings.items.as_str(),
            "id": settings.id.as_str(),
            "depth": settings.depth,
            "deadline_seconds": settings.deadline.as_secs_f64(),
            "credit": settings.credit,
        }),
    }
}

fn unit(source: &UnitSource) -> String {
    match source {
        UnitSource::Header(name) => format!("header {name}"),
        UnitSource::Cookie(name) => format!("cookie {name}"),
        UnitSource::Query(name) => format!("query {name}"),
        UnitSource::Json(path) => format!("json {path}"),
    }
}
