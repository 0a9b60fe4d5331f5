//! Differences with less noise, ratios, and values that come in clusters.

use crossfade::stats::Covariance;
use crossfade::stats::Moments;
use crossfade::stats::Slope;
use crossfade::stats::Undefined;
use crossfade::stats::clustered_mean;
use crossfade::stats::cuped;
use crossfade::stats::intraclass_correlation;
use crossfade::stats::ratio_of_totals;
use crossfade::stats::relative_lift;
use serde_json::Value;
use serde_json::json;

use crate::vectors::Case;
use crate::vectors::Computed;

pub(super) fn compute(case: &Case) -> Option<Computed> {
    let value = match case.metric.as_str() {
        "cuped" => adjusted(case),
        "ratio_delta" => ratio(case),
        "cluster_robust_mean" => robust(case),
        "relative_lift_delta" => lift(case),
        "icc1" => intraclass_correlation(&case.numbers("y"), &clusters(case))
            .map(|it| json!({ "icc": it.icc, "design_effect": it.design_effect })),
        _ => return None,
    };
    Some(Computed::of(value))
}

fn adjusted(case: &Case) -> Result<Value, Undefined> {
    let arm = |x, y| Covariance::of(&case.numbers(x), &case.numbers(y));
    let slope = match case.word("theta") {
        "within_arm" => Slope::WithinArms,
        "joint" => Slope::Joint,
        other => panic!("unknown theta `{other}`"),
    };
    let result = cuped(&arm("x_a", "y_a")?, &arm("x_b", "y_b")?, slope)?;
    Ok(json!({
        "theta": result.theta, "diff": result.difference,
        "var": result.variance, "se": result.standard_error,
    }))
}

fn ratio(case: &Case) -> Result<Value, Undefined> {
    let (numerators, denominators) = (case.numbers("numerator_by_user"), case.numbers("denominator_by_user"));
    let result = ratio_of_totals(&Covariance::of(&numerators, &denominators)?)?;
    Ok(json!({ "ratio": result.ratio, "var_unit": result.unit_variance, "se": result.standard_error }))
}

fn robust(case: &Case) -> Result<Value, Undefined> {
    let result = clustered_mean(&case.numbers("y"), &clusters(case))?;
    Ok(json!({
        "mean": result.mean, "se_cr1": result.robust,
        "se_cr0": result.uncorrected, "se_naive": result.naive,
    }))
}

fn lift(case: &Case) -> Result<Value, Undefined> {
    let arm =
        |n, mean, variance| Moments::from_summary(case.count(n), case.number(mean), case.number(variance));
    let (control, treatment) = (arm("n_a", "mean_a", "var_a")?, arm("n_b", "mean_b", "var_b")?);
    let result = relative_lift(&control, &treatment, case.param("confidence"))?;
    Ok(json!({
        "lift": result.lift, "se": result.standard_error,
        "lower": result.interval.lower, "upper": result.interval.upper,
    }))
}

/// Ids of clusters, be they numbers or words.
fn clusters(case: &Case) -> Vec<String> {
    case.input("cluster").as_array().unwrap().iter().map(Value::to_string).collect()
}
