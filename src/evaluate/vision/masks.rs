//! Overlap of two masks: one value a pixel, true and predicted, flattened in the same order.

use serde::Deserialize;
use serde::Serialize;

use crate::evaluate::NoValue;
use crate::evaluate::sound;

/// What two empty masks score: conventions differ, so it is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BothEmpty {
    /// Nothing: there was nothing to find.
    #[default]
    Undefined,
    /// 1: both say that there is nothing.
    One,
}

/// How many pixels are in each mask and in both.
struct Overlap {
    truth: f64,
    predicted: f64,
    both: f64,
}

/// Dice's coefficient (1945): twice the pixels in both masks over the pixels in one and in the other.
///
/// # Errors
/// [`NoValue::Invalid`] when lengths differ; [`NoValue::Undefined`] when both are empty, unless that counts as 1.
pub fn dice(truth: &[bool], predicted: &[bool], both_empty: BothEmpty) -> Result<f64, NoValue> {
    Overlap::of(truth, predicted, |pixel| *pixel)?.dice(both_empty)
}

/// Intersection over union (Jaccard 1912): the pixels in both masks over the pixels in either.
///
/// # Errors
/// As for [`dice`].
pub fn iou(truth: &[bool], predicted: &[bool], both_empty: BothEmpty) -> Result<f64, NoValue> {
    Overlap::of(truth, predicted, |pixel| *pixel)?.iou(both_empty)
}

/// The mean of [`dice`] over these labels, each against the rest. Takes one pass over the masks a label.
///
/// # Errors
/// As for [`dice`], for any label; also without labels.
pub fn macro_dice<L: Eq>(
    truth: &[L],
    predicted: &[L],
    labels: &[L],
    both_empty: BothEmpty,
) -> Result<f64, NoValue> {
    mean_over(labels, |label| Overlap::of(truth, predicted, |pixel| pixel == label)?.dice(both_empty))
}

/// The mean of [`iou`] over these labels, each against the rest. Takes one pass over the masks a label.
///
/// # Errors
/// As for [`dice`], for any label; also without labels.
pub fn macro_iou<L: Eq>(
    truth: &[L],
    predicted: &[L],
    labels: &[L],
    both_empty: BothEmpty,
) -> Result<f64, NoValue> {
    mean_over(labels, |label| Overlap::of(truth, predicted, |pixel| pixel == label)?.iou(both_empty))
}

fn mean_over<L>(labels: &[L], value: impl Fn(&L) -> Result<f64, NoValue>) -> Result<f64, NoValue> {
    let sum = labels.iter().map(value).sum::<Result<f64, _>>()?;
    sound::ratio(sum, labels.len() as f64, "there are no labels")
}

impl Overlap {
    fn of<P>(truth: &[P], predicted: &[P], within: impl Fn(&P) -> bool) -> Result<Self, NoValue> {
        sound::same_length(truth.len(), predicted.len())?;
        let count = |mask: &[P]| mask.iter().filter(|pixel| within(pixel)).count() as f64;
        let both =
            truth.iter().zip(predicted).filter(|(truth, predicted)| within(truth) && within(predicted));
        Ok(Self { truth: count(truth), predicted: count(predicted), both: both.count() as f64 })
    }

    fn dice(&self, both_empty: BothEmpty) -> Result<f64, NoValue> {
        share(2.0 * self.both, self.truth + self.predicted, both_empty)
    }

    fn iou(&self, both_empty: BothEmpty) -> Result<f64, NoValue> {
        share(self.both, self.truth + self.predicted - self.both, both_empty)
    }
}

fn share(common: f64, whole: f64, both_empty: BothEmpty) -> Result<f64, NoValue> {
    match both_empty {
        BothEmpty::One if whole == 0.0 => Ok(1.0),
        _ => sound::ratio(common, whole, "both masks are empty"),
    }
}
