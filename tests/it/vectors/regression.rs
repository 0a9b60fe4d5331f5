//! Metrics of predicted numbers.

use crossfade::evaluate::NoValue;
use crossfade::evaluate::regression::Residuals;
use crossfade::evaluate::regression::ZeroTarget;
use crossfade::evaluate::regression::median_absolute_error;

use crate::vectors::Case;
use crate::vectors::Computed;

pub(super) fn compute(case: &Case) -> Option<Computed> {
    let (truth, predicted) = (case.given_numbers("y_true").unwrap(), case.given_numbers("y_pred").unwrap());
    let weights = case.given_numbers("sample_weight");
    if case.metric == "median_ae" {
        return Some(Computed::metric(median_absolute_error(&truth, &predicted, weights.as_deref())));
    }
    match Residuals::of(&truth, &predicted, weights.as_deref()) {
        Ok(residuals) => metric(case, &residuals).map(Computed::metric),
        Err(problem) => Some(Computed::metric(Err::<f64, _>(problem))),
    }
}

fn metric(case: &Case, residuals: &Residuals) -> Option<Result<f64, NoValue>> {
    Some(match case.metric.as_str() {
        "mae" => residuals.mae(),
        "mse" => residuals.mse(),
        "rmse" => residuals.rmse(),
        "max_error" => residuals.max_error(),
        "r2" => residuals.r2(),
        "adjusted_r2" => residuals.adjusted_r2(case.param("n_features") as u64),
        "explained_variance" => residuals.explained_variance(),
        "mape" => residuals.mape(zero_target(case)),
        "smape" => residuals.smape(),
        _ => return None,
    })
}

fn zero_target(case: &Case) -> ZeroTarget {
    match case.params["zero_policy"].as_str() {
        None | Some("undefined") => ZeroTarget::Undefined,
        Some("skip") => ZeroTarget::Skip,
        Some("sklearn_eps") => ZeroTarget::Epsilon,
        Some(other) => panic!("unknown policy `{other}`"),
    }
}
