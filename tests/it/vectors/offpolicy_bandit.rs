//! Off-policy estimates, and the search for the best arm.

use crossfade::stats::ArmMoments;
use crossfade::stats::BetaPosterior;
use crossfade::stats::Decision;
use crossfade::stats::ModelledPolicy;
use crossfade::stats::OffPolicy;
use crossfade::stats::PolicyValue;
use crossfade::stats::Undefined;
use crossfade::stats::target_probability;
use crossfade::stats::track_and_stop;
use crossfade::stats::track_and_stop_weights;
use serde_json::Value;
use serde_json::json;

use crate::vectors::Case;
use crate::vectors::Computed;
use crate::vectors::number;

pub(super) fn compute(case: &Case) -> Option<Computed> {
    let value = match case.metric.as_str() {
        "ips" => ips(case),
        "snips" => weighted(case, OffPolicy::default()).and_then(|logs| logs.snips().map(shown)),
        "clipped_ips" => OffPolicy::clipped(case.param("clip"))
            .and_then(|logs| weighted(case, logs))
            .and_then(|logs| logs.ips().map(shown)),
        "direct_method" => modelled(case).and_then(|logs| logs.direct_method().map(shown)),
        "doubly_robust" => modelled(case).and_then(|logs| logs.doubly_robust().map(shown)),
        "prob_b_beats_a_beta" => posterior(case, "alpha_a", "beta_a").and_then(|a| {
            let b = posterior(case, "alpha_b", "beta_b")?;
            Ok(json!(b.beats(&a)))
        }),
        "track_and_stop_glr" => tracking(case),
        "track_and_stop_weights" => {
            let (means, variances) = (case.numbers("means"), case.numbers("variances"));
            let arms = ArmMoments { means: &means, variances: &variances };
            track_and_stop_weights(arms, case.param("epsilon")).map(|weights| json!({ "weights": weights }))
        }
        _ => return None,
    };
    Some(Computed::of(value))
}

fn shown(estimate: PolicyValue) -> Value {
    json!({ "value": estimate.value, "se": estimate.standard_error })
}

fn decisions(case: &Case) -> Result<Vec<Decision>, Undefined> {
    let actions = case.input("action").as_array().unwrap();
    let (propensities, rewards) = (case.numbers("propensity"), case.numbers("reward"));
    if propensities.len() != actions.len() || rewards.len() != actions.len() {
        return Err(Undefined::Lengths);
    }
    let decision = |((action, propensity), reward): ((&Value, f64), f64)| Decision {
        action: action.as_u64().unwrap() as usize,
        propensity,
        reward,
    };
    Ok(actions.iter().zip(propensities).zip(rewards).map(decision).collect())
}

fn rows(case: &Case, key: &str) -> Vec<Vec<f64>> {
    let row = |row: &Value| row.as_array().unwrap().iter().map(|value| number(value).unwrap()).collect();
    case.input(key).as_array().unwrap().iter().map(row).collect()
}

fn weighted(case: &Case, mut logs: OffPolicy) -> Result<OffPolicy, Undefined> {
    let (decisions, targets) = (decisions(case)?, rows(case, "target_prob"));
    if decisions.len() != targets.len() {
        return Err(Undefined::Lengths);
    }
    for (Decision { action, propensity, reward }, target) in decisions.into_iter().zip(&targets) {
        logs.add(propensity, target_probability(target, action)?, reward)?;
    }
    Ok(logs)
}

fn ips(case: &Case) -> Result<Value, Undefined> {
    let logs = weighted(case, OffPolicy::default())?;
    let (mut value, overlap) = (shown(logs.ips()?), logs.overlap()?);
    value["ess"] = json!(overlap.effective_size);
    value["max_weight"] = json!(overlap.max_weight);
    value["mean_weight"] = json!(overlap.mean_weight);
    Ok(value)
}

fn modelled(case: &Case) -> Result<ModelledPolicy, Undefined> {
    let (decisions, targets, models) =
        (decisions(case)?, rows(case, "target_prob"), rows(case, "reward_model"));
    if decisions.len() != targets.len() || decisions.len() != models.len() {
        return Err(Undefined::Lengths);
    }
    let mut logs = ModelledPolicy::default();
    for ((decision, target), model) in decisions.into_iter().zip(&targets).zip(&models) {
        logs.add(decision, target, model)?;
    }
    Ok(logs)
}

fn posterior(case: &Case, a: &str, b: &str) -> Result<BetaPosterior, Undefined> {
    BetaPosterior::new(case.number(a), case.number(b))
}

fn tracking(case: &Case) -> Result<Value, Undefined> {
    let (means, variances) = (case.numbers("means"), case.numbers("variances"));
    let counts: Vec<u64> = serde_json::from_value(case.input("counts").clone()).unwrap();
    let arms = ArmMoments { means: &means, variances: &variances };
    let result = track_and_stop(arms, &counts, case.param("epsilon"), case.param("delta"))?;
    Ok(json!({
        "leader": result.leader, "glr_min": result.least_ratio,
        "threshold": result.threshold, "stop": result.stop,
    }))
}
