//! Masks, boxes and marks in pictures.

use serde_json::Value;

use crate::evaluate::NoValue;
use crate::evaluate::measure::Example;
use crate::evaluate::measure::FoundBox;
use crate::evaluate::measure::Inputs;
use crate::evaluate::measure::Mark;
use crate::evaluate::measure::Measure;
use crate::evaluate::measure::TrueBox;
use crate::evaluate::measure::json;
use crate::evaluate::measure::read;
use crate::evaluate::vision::BoundingBox;
use crate::protocol::class_text;

const CORNERS: &str =
    "a box must be [left, top, right, bottom], finite, with right and bottom not the smaller";
const FOUND: &str = "the prediction must be a list of objects such as {\"box\": [0, 0, 9, 9], \"class\": \"cat\", \"score\": 0.9}";

pub(super) fn masks(measure: &Measure, inputs: Inputs<'_>) -> Result<Example, NoValue> {
    let mask = |value| {
        let mut pixels = Vec::new();
        flatten(measure, value, &mut pixels)?;
        Ok(pixels)
    };
    let (predicted, truth) = (mask(read::prediction(inputs)?)?, mask(read::truth(inputs)?)?);
    if predicted.len() != truth.len() {
        return Err(NoValue::Invalid("the masks must have equally many pixels"));
    }
    Ok(Example::Masks { predicted, truth })
}

/// Adds the pixels of lists within lists; the depth is that of a JSON text, which its parser bounds.
fn flatten(measure: &Measure, value: &Value, pixels: &mut Vec<u32>) -> Result<(), NoValue> {
    match value {
        Value::Array(rows) => rows.iter().try_for_each(|row| flatten(measure, row, pixels)),
        pixel => {
            pixels.push(class_of(measure, pixel)?);
            Ok(())
        }
    }
}

fn class_of(Measure { labels, positive, .. }: &Measure, pixel: &Value) -> Result<u32, NoValue> {
    const CLASSES: &str = "a mask must be lists of pixels, each a class";
    const BINARY: &str =
        "a mask must be lists of 1 and 0; for other classes the metric needs `labels` or `positive`";
    let class = class_text(pixel).ok_or(NoValue::Invalid(CLASSES))?;
    match positive {
        Some(positive) => Ok(u32::from(class == *positive)),
        None if labels.is_empty() => json::word_flag(&class).map(u32::from).ok_or(NoValue::Invalid(BINARY)),
        // What is not among the labels is background.
        None => Ok(labels.iter().position(|label| *label == class).unwrap_or(labels.len()) as u32),
    }
}

pub(super) fn boxes(measure: &Measure, inputs: Inputs<'_>) -> Result<Example, NoValue> {
    const TRUTH: &str =
        "the truth must be a list of objects such as {\"box\": [0, 0, 9, 9], \"class\": \"cat\"}";
    let counts = |class: &str| measure.labels.is_empty() || measure.labels.iter().any(|label| label == class);
    let mut found = Vec::new();
    for item in json::items(read::prediction(inputs)?) {
        let score = item.get("score").and_then(json::number).ok_or(NoValue::Invalid(FOUND))?;
        let class = class_in(item, FOUND)?;
        found.push(FoundBox { class, corners: corners(item, FOUND)?, score });
    }
    let mut truth = Vec::new();
    for item in json::items(read::truth(inputs)?) {
        truth.push(TrueBox { class: class_in(item, TRUTH)?, corners: corners(item, TRUTH)? });
    }
    found.retain(|one| counts(&one.class));
    truth.retain(|one| counts(&one.class));
    Ok(Example::Boxes { found, truth })
}

pub(super) fn marks(inputs: Inputs<'_>) -> Result<Example, NoValue> {
    const TRUTH: &str = "the truth must be a list of boxes around lesions, or how many lesions there are";
    const MARKS: &str = "the prediction must be a list of objects such as {\"box\": [0, 0, 9, 9], \"score\": 0.9} or {\"lesion\": 0, \"score\": 0.9}";
    let truth = read::truth(inputs)?;
    let (lesions, count) = match json::number(truth) {
        Some(count) if count >= 0.0 && count.fract() == 0.0 && count <= 1e6 => (Vec::new(), count as usize),
        Some(_) => return Err(NoValue::Invalid(TRUTH)),
        None => {
            let around = json::items(truth).iter().map(|item| corners(item, TRUTH));
            let around = around.collect::<Result<Vec<_>, _>>()?;
            let count = around.len();
            (around, count)
        }
    };
    let mut marks = Vec::new();
    for item in json::items(read::prediction(inputs)?) {
        let score = item.get("score").and_then(json::number).ok_or(NoValue::Invalid(MARKS))?;
        let lesion = match item.get("lesion") {
            Some(Value::Null) => None,
            Some(said) => {
                let said =
                    json::number(said).filter(|said| said.fract() == 0.0).ok_or(NoValue::Invalid(MARKS))?;
                let place = (said >= 0.0).then_some(said as usize);
                if place.is_some_and(|place| place >= count) {
                    return Err(NoValue::Invalid("a mark names a lesion that is not there"));
                }
                place
            }
            None if lesions.len() < count => return Err(NoValue::Invalid(MARKS)),
            None => hit(corners(item, MARKS)?, &lesions),
        };
        marks.push(Mark { score, lesion });
    }
    Ok(Example::Marks { lesions: count, marks })
}

/// The lesion in whose box the middle of a mark lies, of several the one whose middle is nearest.
fn hit(mark: [f64; 4], lesions: &[[f64; 4]]) -> Option<usize> {
    let middle =
        |[left, top, right, bottom]: [f64; 4]| (f64::midpoint(left, right), f64::midpoint(top, bottom));
    let (x, y) = middle(mark);
    let inside = |[left, top, right, bottom]: &[f64; 4]| {
        (*left..=*right).contains(&x) && (*top..=*bottom).contains(&y)
    };
    let distance = |lesion: &[f64; 4]| {
        let (other_x, other_y) = middle(*lesion);
        (x - other_x).hypot(y - other_y)
    };
    let within = lesions.iter().enumerate().filter(|(_, lesion)| inside(lesion));
    within.min_by(|(_, one), (_, other)| distance(one).total_cmp(&distance(other))).map(|(place, _)| place)
}

fn class_in(item: &Value, expected: &'static str) -> Result<String, NoValue> {
    match item.get("class") {
        Some(class) => class_text(class).ok_or(NoValue::Invalid(expected)),
        // Where there is but one class nobody names it.
        None => Ok(String::new()),
    }
}

fn corners(item: &Value, expected: &'static str) -> Result<[f64; 4], NoValue> {
    let corners = item.get("box").ok_or(NoValue::Invalid(expected))?;
    let corners: [f64; 4] =
        json::numbers(corners, CORNERS)?.try_into().map_err(|_| NoValue::Invalid(CORNERS))?;
    BoundingBox::new(corners).map_err(|_| NoValue::Invalid(CORNERS))?;
    Ok(corners)
}
