//! Scores and probabilities: of the positive class, of all classes, of an answer's being right, of a text's tokens.

use serde_json::Value;

use crate::evaluate::NoValue;
use crate::evaluate::measure::Example;
use crate::evaluate::measure::Inputs;
use crate::evaluate::measure::Kind;
use crate::evaluate::measure::Measure;
use crate::evaluate::measure::json;
use crate::evaluate::measure::read;
use crate::evaluate::sum::Sum;

/// By how much a probability may leave [0, 1], and a log-probability exceed 0: models compute them in short floats.
const ROUNDING: f64 = 1e-3;
/// By how much probabilities may miss a sum of 1: they are rounded to be shown. They are divided by their sum.
const SHOWN: f64 = 0.01;

const PROBABILITY: &str = "the score must be a probability from 0 to 1";
const ROW: &str = "the score must be a list of probabilities, one for each label in their order";
const NO_LABELS: &str = "the score is a list of probabilities, and no `labels` say of which classes";

pub(super) fn scored(measure: &Measure, inputs: Inputs<'_>) -> Result<Example, NoValue> {
    let Measure { labels, positive, .. } = measure;
    let (score, class) = (json::single(read::score(inputs)?), read::true_class(inputs)?);
    let place = labels.iter().position(|label| *label == class);
    if place.is_none() && !labels.is_empty() {
        return Err(NoValue::Invalid("the truth is not among the labels"));
    }
    if !matches!(score, Value::Array(_) | Value::Object(_)) {
        return one_score(measure, score, &class);
    }
    if let (Some(positive), true) = (positive, labels.is_empty()) {
        let score = score.get(positive).and_then(probability).ok_or(NoValue::Invalid(NO_LABELS))?;
        return Ok(Example::Scored { score, positive: class == *positive });
    }
    let (mut probabilities, Some(truth)) = (row(labels, score)?, place) else {
        return Err(NoValue::Invalid(NO_LABELS));
    };
    match column(measure) {
        Some(column) => {
            Ok(Example::Scored { score: probabilities.swap_remove(column), positive: truth == column })
        }
        None => Ok(Example::Distribution { probabilities, truth }),
    }
}

pub(super) fn confidence(measure: &Measure, inputs: Inputs<'_>) -> Result<Example, NoValue> {
    let (predicted, truth) = (read::predicted_class(inputs)?, read::true_class(inputs)?);
    let score = json::single(read::score(inputs)?);
    let confidence = if matches!(score, Value::Array(_) | Value::Object(_)) {
        let row = row(&measure.labels, score)?;
        let place = measure.labels.iter().position(|label| *label == predicted);
        row[place.ok_or(NoValue::Invalid("the prediction is not among the labels"))?]
    } else {
        let probability = probability(score).ok_or(NoValue::Invalid(PROBABILITY))?;
        match &measure.positive {
            Some(positive) if *positive != predicted => 1.0 - probability,
            _ => probability,
        }
    };
    Ok(Example::Confidence { confidence, correct: predicted == truth })
}

pub(super) fn tokens(inputs: Inputs<'_>) -> Result<Example, NoValue> {
    const EXPECTED: &str =
        "the score must be a list of the tokens' natural log-probabilities, each at most 0";
    let log_probability = |item: &Value| {
        json::number(item.get("logprob").unwrap_or(item)).filter(|it| *it <= ROUNDING).map(|it| it.min(0.0))
    };
    let read = |item: &Value| log_probability(item).ok_or(NoValue::Invalid(EXPECTED));
    let tokens = json::items(read::score(inputs)?).iter().map(read).collect::<Result<Vec<_>, _>>()?;
    if tokens.is_empty() {
        return Err(NoValue::Invalid(EXPECTED));
    }
    let sum: Sum = tokens.iter().copied().collect();
    Ok(Example::Tokens { tokens: tokens.len() as u64, log_probability: sum.value() })
}

/// One score, for the positive class.
fn one_score(measure: &Measure, score: &Value, class: &str) -> Result<Example, NoValue> {
    const UNKNOWN: &str =
        "the truth is neither 1, true, yes nor 0, false, no: `positive` must name what the score is of";
    if measure.labels.len() > 2 && measure.positive.is_none() {
        return Err(NoValue::Invalid(ROW));
    }
    let is_ranked_only = matches!(measure.kind, Kind::RocAuc | Kind::AveragePrecision);
    let score = match is_ranked_only {
        true => json::number(score).ok_or(NoValue::Invalid("the score must be a finite number"))?,
        false => probability(score).ok_or(NoValue::Invalid(PROBABILITY))?,
    };
    let positive = match &measure.positive {
        Some(positive) => class == positive,
        None => json::word_flag(class).ok_or(NoValue::Invalid(UNKNOWN))?,
    };
    Ok(Example::Scored { score, positive })
}

/// The label whose probability is enough: the positive one; of two labels one that says yes, or else the second, since
/// the other's probability is what is left.
fn column(measure: &Measure) -> Option<usize> {
    let Measure { labels, positive, .. } = measure;
    match positive {
        Some(positive) => labels.iter().position(|label| label == positive),
        None if labels.len() == 2 => {
            Some(labels.iter().position(|label| json::word_flag(label) == Some(true)).unwrap_or(1))
        }
        None => None,
    }
}

/// The probabilities of all labels, from a list in their order or from an object by label.
fn row(labels: &[String], score: &Value) -> Result<Vec<f64>, NoValue> {
    if labels.is_empty() {
        return Err(NoValue::Invalid(NO_LABELS));
    }
    let read = |item: Option<&Value>| item.and_then(probability).ok_or(NoValue::Invalid(ROW));
    let row = match score {
        Value::Array(items) if items.len() == labels.len() => {
            items.iter().map(|item| read(Some(item))).collect()
        }
        Value::Object(by_label) => labels.iter().map(|label| read(by_label.get(label))).collect(),
        _ => Err(NoValue::Invalid(ROW)),
    };
    let row: Vec<f64> = row?;
    let sum: f64 = row.iter().sum();
    if (sum - 1.0).abs() > SHOWN {
        return Err(NoValue::Invalid("the probabilities of the labels do not add up to 1"));
    }
    Ok(row.into_iter().map(|probability| (probability / sum).min(1.0)).collect())
}

fn probability(value: &Value) -> Option<f64> {
    let inside = |it: &f64| (-ROUNDING..=1.0 + ROUNDING).contains(it);
    json::number(value).filter(inside).map(|it| it.clamp(0.0, 1.0))
}
