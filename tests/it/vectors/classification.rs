//! Metrics of classes, from a confusion matrix. Labels are integers or strings.

use crossfade::evaluate::NoValue;
use crossfade::evaluate::classification::Average;
use crossfade::evaluate::classification::Confusion;
use crossfade::evaluate::classification::Measure;
use crossfade::evaluate::classification::Normalize;
use crossfade::evaluate::classification::Score;
use crossfade::evaluate::classification::ZeroDivision;
use serde::de::DeserializeOwned;

use crate::vectors::Case;
use crate::vectors::Computed;
use crate::vectors::number;

pub(super) fn compute(case: &Case) -> Option<Computed> {
    let texts = |key: &str| case.input(key).as_array().unwrap().iter().any(|label| label.is_string());
    if texts("y_true") || texts("y_pred") { compute_of::<String>(case) } else { compute_of::<i64>(case) }
}

fn compute_of<T: Ord + Clone + DeserializeOwned>(case: &Case) -> Option<Computed> {
    let labels = |key: &str| -> Vec<T> { serde_json::from_value(case.input(key).clone()).unwrap() };
    let weights = case.given_numbers("sample_weight");
    let confusion = match Confusion::of(&labels("y_true"), &labels("y_pred"), weights.as_deref()) {
        Ok(confusion) => confusion,
        Err(problem) => return Some(Computed::metric(Err::<f64, _>(problem))),
    };
    let beta = case.params.get("beta").and_then(number).unwrap_or(1.0);
    Some(match case.metric.as_str() {
        "accuracy" => Computed::metric(confusion.accuracy()),
        "balanced_accuracy" => Computed::metric(confusion.balanced_accuracy()),
        "matthews_corrcoef" => Computed::metric(confusion.matthews()),
        "confusion_matrix" => Computed::metric(matrix(case, &confusion)),
        "precision" => score(case, &confusion, Measure::Precision),
        "recall" => score(case, &confusion, Measure::Recall),
        "f1" | "fbeta" => score(case, &confusion, Measure::F { beta }),
        "specificity" => score(case, &confusion, Measure::Specificity),
        _ => return None,
    })
}

fn matrix<T: Ord + Clone + DeserializeOwned>(
    case: &Case,
    confusion: &Confusion<T>,
) -> Result<Vec<Vec<f64>>, NoValue> {
    let normalize = match case.params["normalize"].as_str() {
        None => Normalize::Counts,
        Some("true") => Normalize::Truth,
        Some("pred") => Normalize::Predicted,
        Some("all") => Normalize::All,
        Some(other) => panic!("unknown normalization `{other}`"),
    };
    confusion.matrix(&declared(case, confusion), normalize)
}

fn score<T: Ord + Clone + DeserializeOwned>(
    case: &Case,
    confusion: &Confusion<T>,
    measure: Measure,
) -> Computed {
    let labels = declared(case, confusion);
    let zero = match case.params.get("zero_division").and_then(number) {
        None => ZeroDivision::Undefined,
        Some(0.0) => ZeroDivision::Zero,
        Some(other) => panic!("unknown zero division {other}"),
    };
    let positive: Option<T> = serde_json::from_value(case.params["pos_label"].clone()).unwrap();
    let average = match case.params["average"].as_str().unwrap() {
        "binary" => Average::Binary { positive: positive.as_ref().unwrap() },
        "macro" => Average::Macro(&labels),
        "micro" => Average::Micro(&labels),
        "weighted" => Average::Weighted(&labels),
        "none" => {
            let values = |scores: Vec<Score>| scores.iter().map(|score| score.value).collect::<Vec<_>>();
            return Computed::metric(confusion.scores(measure, &labels, zero).map(values));
        }
        other => panic!("unknown average `{other}`"),
    };
    Computed::metric(confusion.score(measure, average, zero).map(|score| score.value))
}

/// The labels that a case declares, otherwise those that occur.
fn declared<T: Ord + Clone + DeserializeOwned>(case: &Case, confusion: &Confusion<T>) -> Vec<T> {
    let labels: Option<Vec<T>> = serde_json::from_value(case.params["labels"].clone()).unwrap();
    labels.unwrap_or_else(|| confusion.labels().to_vec())
}
