//! The free-response ROC curve: what share of lesions is found at how many false marks an image.
//!
//! Operating points as in LUNA16 (Setio and others 2017). No library is the reference here; the definition is in
//! the README of the vectors.

use std::collections::HashSet;

use serde::Serialize;

use crate::evaluate::NoValue;
use crate::evaluate::sound;

/// One image: how many lesions it shows, and what a model marked.
#[derive(Debug, Clone, PartialEq)]
pub struct FrocImage {
    /// Lesions that are there.
    pub lesions: usize,
    /// What the model marked.
    pub marks: Vec<LesionMark>,
}

/// A mark that a model set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LesionMark {
    /// How sure the model is; the scale does not matter.
    pub score: f64,
    /// The lesion that is hit, by its number from 0 in its image; `None`: a false mark.
    pub lesion: Option<usize>,
}

/// Sensitivity at the rates of false marks asked for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Froc {
    /// The share of lesions found, at each rate.
    pub sensitivity: Vec<f64>,
    /// Its mean over the rates.
    pub mean: f64,
}

/// Reads the curve at these rates of false marks an image.
///
/// The curve starts at (0, 0) and has a point for each distinct score as the threshold, where marks of that score
/// count; a second mark on a lesion is neither right nor false. Where several points have one rate, the highest
/// holds; between points it is linear, and level after the last.
///
/// # Errors
/// [`NoValue::Invalid`] when a lesion is out of range, a score is not finite, or a rate is negative or not finite;
/// [`NoValue::Undefined`] without lesions or rates.
pub fn froc(images: &[FrocImage], false_marks_per_image: &[f64]) -> Result<Froc, NoValue> {
    sound::all_finite(false_marks_per_image)?;
    if false_marks_per_image.iter().any(|rate| *rate < 0.0) {
        return Err(NoValue::Invalid("a rate is negative"));
    }
    let curve = curve(images)?;
    let sensitivity: Vec<f64> = false_marks_per_image.iter().map(|rate| read(&curve, *rate)).collect();
    let mean = sound::ratio(sensitivity.iter().sum(), sensitivity.len() as f64, "no rate is asked for")?;
    Ok(Froc { sensitivity, mean })
}

/// The points of the curve, rates ascending and each once.
fn curve(images: &[FrocImage]) -> Result<Vec<(f64, f64)>, NoValue> {
    let lesions: usize = images.iter().map(|image| image.lesions).sum();
    let mut marks = Vec::new();
    for (number, image) in images.iter().enumerate() {
        for mark in &image.marks {
            sound::all_finite(&[mark.score])?;
            if mark.lesion.is_some_and(|lesion| lesion >= image.lesions) {
                return Err(NoValue::Invalid("a mark hits a lesion that is not there"));
            }
            marks.push((mark.score, mark.lesion.map(|lesion| (number, lesion))));
        }
    }
    if lesions == 0 {
        return Err(NoValue::Undefined("there is no lesion"));
    }
    marks.sort_by(|one, other| sound::ascending(other.0, one.0));
    let mut found = HashSet::new();
    let mut false_marks = 0_usize;
    let mut points = vec![(0.0, 0.0)];
    for together in marks.chunk_by(|one, other| one.0 == other.0) {
        for (_, hit) in together {
            match hit {
                Some(lesion) => _ = found.insert(*lesion),
                None => false_marks += 1,
            }
        }
        let point = (false_marks as f64 / images.len() as f64, found.len() as f64 / lesions as f64);
        // The sensitivity never falls, so the latest point of a rate is the highest.
        points.pop_if(|last: &mut (f64, f64)| last.0 == point.0);
        points.push(point);
    }
    Ok(points)
}

fn read(curve: &[(f64, f64)], rate: f64) -> f64 {
    let passed = curve.partition_point(|(at, _)| *at <= rate);
    let (left_rate, left) = curve[passed - 1];
    match curve.get(passed) {
        Some((right_rate, right)) => left + (right - left) * (rate - left_rate) / (right_rate - left_rate),
        None => left,
    }
}
