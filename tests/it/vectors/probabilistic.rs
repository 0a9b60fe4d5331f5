//! Metrics of scores and probabilities.

use crossfade::evaluate::NoValue;
use crossfade::evaluate::probabilistic::Binning;
use crossfade::evaluate::probabilistic::Calibration;
use crossfade::evaluate::probabilistic::ClassAverage;
use crossfade::evaluate::probabilistic::ClassProbabilities;
use crossfade::evaluate::probabilistic::LogBase;
use crossfade::evaluate::probabilistic::MultiClass;
use crossfade::evaluate::probabilistic::average_precision;
use crossfade::evaluate::probabilistic::brier;
use crossfade::evaluate::probabilistic::calibration;
use crossfade::evaluate::probabilistic::corpus_perplexity;
use crossfade::evaluate::probabilistic::log_loss;
use crossfade::evaluate::probabilistic::perplexity;
use crossfade::evaluate::probabilistic::pr_auc_trapezoid;
use crossfade::evaluate::probabilistic::roc_auc;
use serde_json::Value;

use crate::vectors::Case;
use crate::vectors::Computed;
use crate::vectors::number;
use crate::vectors::written;

pub(super) fn compute(case: &Case) -> Option<Computed> {
    let result = match case.metric.as_str() {
        "ece" => calibrated(case).map(|calibration| calibration.expected_error()),
        "mce" => calibrated(case).map(|calibration| calibration.max_error()),
        "perplexity" => perplexity(&case.given_numbers("token_logprobs").unwrap(), base(case)),
        "perplexity_corpus" => corpus_perplexity(&rows(case.input("documents")), base(case)),
        _ if has_rows(case) => multiclass(case)?,
        _ => binary(case)?,
    };
    Some(Computed::metric(result.map(written)))
}

fn calibrated(case: &Case) -> Result<Calibration, NoValue> {
    let bins = case.param("bins") as usize;
    let binning = match case.params["binning"].as_str().unwrap() {
        "equal_width_right_closed" => Binning::EqualWidth { bins },
        "equal_mass" => Binning::EqualMass { bins },
        other => panic!("unknown binning `{other}`"),
    };
    calibration(&case.given_numbers("confidence").unwrap(), &flags(case, "correct", 1.0)?, binning)
}

fn base(case: &Case) -> LogBase {
    match case.params["log_base"].as_str() {
        None | Some("e") => LogBase::E,
        Some("2") => LogBase::Two,
        Some("10") => LogBase::Ten,
        Some(other) => panic!("unknown base `{other}`"),
    }
}

fn binary(case: &Case) -> Option<Result<f64, NoValue>> {
    let metric = match case.metric.as_str() {
        "roc_auc" => roc_auc,
        "average_precision" => average_precision,
        "pr_auc_trapezoid" => pr_auc_trapezoid,
        "log_loss" => log_loss,
        "brier" => brier,
        _ => return None,
    };
    let positive = case.params["labels"].get(1).and_then(number).unwrap_or(1.0);
    let values = case.given_numbers("y_score").or_else(|| case.given_numbers("y_prob")).unwrap();
    let weights = case.given_numbers("sample_weight");
    Some(flags(case, "y_true", positive).and_then(|truth| metric(&truth, &values, weights.as_deref())))
}

fn multiclass(case: &Case) -> Option<Result<f64, NoValue>> {
    let labels = case.params["labels"].as_array().unwrap();
    let place = |label: &Value| labels.iter().position(|other| other == label).unwrap_or(usize::MAX);
    let truth: Vec<usize> = case.input("y_true").as_array().unwrap().iter().map(place).collect();
    let (rows, weights) = (rows(case.input("y_prob")), case.given_numbers("sample_weight"));
    let average = match case.params["average"].as_str() {
        None | Some("macro") => ClassAverage::Macro,
        Some("weighted") => ClassAverage::Weighted,
        Some(other) => panic!("unknown average `{other}`"),
    };
    let by = match case.params["multi_class"].as_str() {
        Some("ovo") => MultiClass::OneVsOne,
        _ => MultiClass::OneVsRest,
    };
    let metric = |given: ClassProbabilities<'_>| match case.metric.as_str() {
        "roc_auc" => Some(given.roc_auc(by, average, weights.as_deref())),
        "average_precision" => Some(given.average_precision(average, weights.as_deref())),
        "log_loss" => Some(given.log_loss(weights.as_deref())),
        "brier" => Some(given.brier(weights.as_deref())),
        _ => None,
    };
    match ClassProbabilities::new(labels.len(), &truth, &rows) {
        Ok(given) => metric(given),
        Err(problem) => Some(Err(problem)),
    }
}

/// Which entries of a list of two labels are the positive one.
fn flags(case: &Case, key: &str, positive: f64) -> Result<Vec<bool>, NoValue> {
    let labels = case.given_numbers(key).unwrap();
    let two = labels.iter().all(|label| *label == positive || *label == 0.0 || *label == 1.0);
    if !two {
        return Err(NoValue::Invalid("a label is neither of the two"));
    }
    Ok(labels.into_iter().map(|label| label == positive).collect())
}

fn has_rows(case: &Case) -> bool {
    case.inputs.get("y_prob").and_then(|rows| rows.get(0)).is_some_and(Value::is_array)
}

fn rows(value: &Value) -> Vec<Vec<f64>> {
    let row = |row: &Value| row.as_array().unwrap().iter().map(|value| number(value).unwrap()).collect();
    value.as_array().unwrap().iter().map(row).collect()
}
