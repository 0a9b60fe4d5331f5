//! Mean average precision of detected boxes, as COCO's own evaluation computes it (Lin and others 2014).
//!
//! For all sizes of object, without crowds. Where scores are equal, detections count in the order they are given,
//! image by image, as there.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::evaluate::NoValue;
use crate::evaluate::sound;
use crate::evaluate::vision::boxes::BoundingBox;

/// The overlaps that a detection must reach, as COCO's code has them: 0.5 to 0.95 in ten steps.
const THRESHOLDS: [f64; 10] = [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.8999999999999999, 0.95];
const AT_50: usize = 0;
const AT_75: usize = 5;

/// How many detections of one class count in one image, those with the highest scores.
const MOST_DETECTIONS: usize = 100;

/// An object that is there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrueBox {
    /// The image, by its number from 0.
    pub image: usize,
    /// The class, by its number from 0.
    pub class: usize,
    /// Where it is.
    pub at: BoundingBox,
}

/// An object that a model says is there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DetectedBox {
    /// The image, by its number from 0.
    pub image: usize,
    /// The class, by its number from 0.
    pub class: usize,
    /// Where it is.
    pub at: BoundingBox,
    /// How sure the model is; the scale does not matter.
    pub score: f64,
}

/// Average precision over 101 points of recall, from 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DetectionMap {
    /// The mean over classes and all ten thresholds.
    pub map: f64,
    /// The mean over classes at an overlap of 0.5.
    pub map50: f64,
    /// The mean over classes at an overlap of 0.75.
    pub map75: f64,
    /// By class, the mean over thresholds; `None` for a class without an object, which enters no mean.
    pub per_class: Vec<Option<f64>>,
}

/// The objects and detections of one class in one image.
#[derive(Default)]
struct Scene<'b> {
    truth: Vec<&'b BoundingBox>,
    /// Highest score first.
    detected: Vec<&'b DetectedBox>,
}

/// Matches detections with objects and averages the precision.
///
/// Takes time in proportion to detections (at most 100) times objects of each class in each image.
///
/// # Errors
/// [`NoValue::Invalid`] when an image or class is out of range or a score is not finite; [`NoValue::Undefined`] when
/// there is no object.
pub fn detection_map(
    truth: &[TrueBox],
    detected: &[DetectedBox],
    images: usize,
    classes: usize,
) -> Result<DetectionMap, NoValue> {
    let mut places = truth.iter().map(|object| (object.image, object.class));
    let mut detected_places = detected.iter().map(|found| (found.image, found.class));
    let outside = |(image, class): (usize, usize)| image >= images || class >= classes;
    if places.any(outside) || detected_places.any(outside) {
        return Err(NoValue::Invalid("an image or class is out of range"));
    }
    if detected.iter().any(|found| !found.score.is_finite()) {
        return Err(NoValue::Invalid("a score is not finite"));
    }
    let scenes = scenes(truth, detected);
    let of_class =
        |class| scenes.range((class, 0)..(class + 1, 0)).map(|(_, scene)| scene).collect::<Vec<_>>();
    let by_class: Vec<Option<[f64; 10]>> =
        (0..classes).map(|class| average_precisions(&of_class(class))).collect();
    let present: Vec<&[f64; 10]> = by_class.iter().flatten().collect();
    if present.is_empty() {
        return Err(NoValue::Undefined("there is no object"));
    }
    let mean_at = |at: usize| present.iter().map(|values| values[at]).sum::<f64>() / present.len() as f64;
    let over_thresholds = |values: &[f64; 10]| values.iter().sum::<f64>() / values.len() as f64;
    Ok(DetectionMap {
        map: present.iter().map(|values| over_thresholds(values)).sum::<f64>() / present.len() as f64,
        map50: mean_at(AT_50),
        map75: mean_at(AT_75),
        per_class: by_class.iter().map(|values| values.as_ref().map(over_thresholds)).collect(),
    })
}

/// The scenes by class and image.
fn scenes<'b>(truth: &'b [TrueBox], detected: &'b [DetectedBox]) -> BTreeMap<(usize, usize), Scene<'b>> {
    let mut scenes: BTreeMap<(usize, usize), Scene> = BTreeMap::new();
    for object in truth {
        scenes.entry((object.class, object.image)).or_default().truth.push(&object.at);
    }
    for found in detected {
        scenes.entry((found.class, found.image)).or_default().detected.push(found);
    }
    for scene in scenes.values_mut() {
        scene.detected.sort_by(|one, other| sound::ascending(other.score, one.score));
        scene.detected.truncate(MOST_DETECTIONS);
    }
    scenes
}

/// The average precision of one class at each threshold; `None` without an object.
fn average_precisions(scenes: &[&Scene]) -> Option<[f64; 10]> {
    let objects: usize = scenes.iter().map(|scene| scene.truth.len()).sum();
    (objects > 0).then(|| {
        THRESHOLDS.map(|threshold| {
            let mut judged: Vec<(f64, bool)> =
                scenes.iter().flat_map(|scene| scene.judged(threshold)).collect();
            judged.sort_by(|one, other| sound::ascending(other.0, one.0));
            average_precision(judged.iter().map(|(_, hit)| *hit), objects)
        })
    })
}

impl Scene<'_> {
    /// Each detection's score and whether it hits an object, which is then taken: the free one that it overlaps
    /// most, of several the last.
    fn judged(&self, threshold: f64) -> Vec<(f64, bool)> {
        let mut taken = vec![false; self.truth.len()];
        let hit = |found: &&DetectedBox| {
            let mut best = (threshold, None);
            for (index, object) in self.truth.iter().enumerate().filter(|(index, _)| !taken[*index]) {
                let overlap = found.at.iou(object);
                if overlap >= best.0 {
                    best = (overlap, Some(index));
                }
            }
            if let Some(index) = best.1 {
                taken[index] = true;
            }
            (found.score, best.1.is_some())
        };
        self.detected.iter().map(hit).collect()
    }
}

/// The mean over recalls of 0, 0.01 and so on to 1 of the best precision at that recall or a higher one.
fn average_precision(hits: impl Iterator<Item = bool>, objects: usize) -> f64 {
    let (mut found, mut judged) = (0.0, 0.0);
    let mut curve: Vec<(f64, f64)> = Vec::new();
    for hit in hits {
        judged += 1.0;
        if hit {
            found += 1.0;
            curve.push((found / objects as f64, found / judged));
        }
    }
    let mut best = 0.0_f64;
    for (_, precision) in curve.iter_mut().rev() {
        best = best.max(*precision);
        *precision = best;
    }
    let at = |point: u32| {
        let reached = curve.partition_point(|(recall, _)| *recall < f64::from(point) * 0.01);
        curve.get(reached).map_or(0.0, |(_, precision)| *precision)
    };
    (0..=100).map(at).sum::<f64>() / 101.0
}
