//! Predictions: the class that an answer names, to be held against a label that is reported later.

use serde::Deserialize;
use serde::Serialize;

use crate::policy::Accuracy;
use crate::protocol::class_text;
use crate::record::Observation;
use crate::record::body::Content;
use crate::record::redact::Redactor;
use crate::vocab::Fate;
use crate::vocab::is_error;

/// What one call predicted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prediction {
    /// This class, as text.
    Value(String),
    /// None: the call failed, or its answer names no class. Whatever the label will be, that was not right.
    Missing,
    /// The gateway cannot tell: the client left, the body is above the cap, or a rule of redaction hides it.
    Unreadable,
}

/// Reads the prediction out of one call's answer.
pub(super) fn predicted(
    accuracy: &Accuracy,
    seen: &Observation,
    content: &Content,
    redactor: &Redactor<'_>,
) -> Prediction {
    let path = &accuracy.prediction;
    if seen.fate == Fate::Cancelled {
        return Prediction::Unreadable;
    }
    if is_error(seen.judged_status(), seen.fate) {
        return Prediction::Missing;
    }
    let Some(answer) = content.whole() else { return Prediction::Unreadable };
    let Some(selected) = answer.select(path) else { return Prediction::Missing };
    match selected.first().and_then(|value| class_text(value)) {
        Some(_) if !redactor.spares(path, answer) => Prediction::Unreadable,
        Some(class) => Prediction::Value(class),
        None => Prediction::Missing,
    }
}
