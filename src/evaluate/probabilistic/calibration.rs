//! Whether confidence means what it says: of the answers given with a confidence of 0.8, four in five are right.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::evaluate::NoValue;
use crate::evaluate::sound;
use crate::evaluate::sum::Sum;

/// How answers are put into bins by their confidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binning {
    /// Bin i of B holds confidences in (i/B, (i+1)/B], and bin 0 also 0; the edges are the `f64` quotients.
    EqualWidth {
        /// B, at least 1.
        bins: usize,
    },
    /// The answers, sorted by confidence, in equal portions; the first ones are longer by one where it does not go
    /// even. Equal confidences stay in the order given.
    EqualMass {
        /// How many portions, at least 1; not more than there are answers.
        bins: usize,
    },
}

/// The answers of about one confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ReliabilityBin {
    /// The lower edge; of portions, the least confidence in it.
    pub lower: f64,
    /// The upper edge; of portions, the greatest confidence in it.
    pub upper: f64,
    /// How many answers it holds, at least 1.
    pub n: u64,
    /// Their mean confidence.
    pub mean_confidence: f64,
    /// The share of them that was right.
    pub mean_correct: f64,
}

/// A reliability diagram: the bins that hold an answer, by rising confidence.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibration {
    /// At least one.
    pub bins: Vec<ReliabilityBin>,
}

/// Holds confidences, from 0 to 1, against what was right.
///
/// # Errors
/// [`NoValue::Undefined`] without answers; [`NoValue::Invalid`] for numbers that are no probabilities, lengths that
/// differ, no bins.
pub fn calibration(confidence: &[f64], correct: &[bool], binning: Binning) -> Result<Calibration, NoValue> {
    sound::same_length(confidence.len(), correct.len())?;
    sound::all_probabilities(confidence)?;
    let (Binning::EqualWidth { bins } | Binning::EqualMass { bins }) = binning;
    if bins == 0 {
        return Err(NoValue::Invalid("calibration needs at least one bin"));
    }
    if confidence.is_empty() {
        return Err(NoValue::Undefined("there are no answers"));
    }
    let answers = confidence.iter().copied().zip(correct.iter().copied());
    Ok(match binning {
        Binning::EqualWidth { bins } => by_width(answers, bins),
        Binning::EqualMass { bins } => by_mass(answers.collect(), bins),
    })
}

impl Calibration {
    /// The expected calibration error: the mean gap between confidence and correctness, each bin by its answers
    /// (Naeini, Cooper and Hauskrecht 2015). It is biased upward when bins hold few.
    pub fn expected_error(&self) -> f64 {
        let total: u64 = self.bins.iter().map(|bin| bin.n).sum();
        let gaps: Sum = self.bins.iter().map(|bin| bin.n as f64 * bin.gap()).collect();
        gaps.value() / total as f64
    }

    /// The greatest gap of any bin.
    pub fn max_error(&self) -> f64 {
        self.bins.iter().map(ReliabilityBin::gap).fold(0.0, f64::max)
    }
}

impl ReliabilityBin {
    /// How far the mean confidence is from the share that was right.
    pub fn gap(&self) -> f64 {
        (self.mean_confidence - self.mean_correct).abs()
    }

    fn of(lower: f64, upper: f64, answers: &[(f64, bool)]) -> Self {
        let n = answers.len() as f64;
        let confidence: Sum = answers.iter().map(|(confidence, _)| *confidence).collect();
        let correct = answers.iter().filter(|(_, correct)| *correct).count();
        let (mean_confidence, mean_correct) = (confidence.value() / n, correct as f64 / n);
        Self { lower, upper, n: answers.len() as u64, mean_confidence, mean_correct }
    }
}

fn by_width(answers: impl Iterator<Item = (f64, bool)>, bins: usize) -> Calibration {
    let mut filled: BTreeMap<usize, Vec<(f64, bool)>> = BTreeMap::new();
    for (confidence, correct) in answers {
        filled.entry(bin_of(confidence, bins)).or_default().push((confidence, correct));
    }
    let bin =
        |(at, answers): (usize, Vec<_>)| ReliabilityBin::of(edge(at, bins), edge(at + 1, bins), &answers);
    Calibration { bins: filled.into_iter().map(bin).collect() }
}

/// The bin whose edges, as quotients, enclose a confidence: the product alone can be one off.
fn bin_of(confidence: f64, bins: usize) -> usize {
    let mut bin = ((confidence * bins as f64).ceil() as usize).saturating_sub(1);
    while bin > 0 && confidence <= edge(bin, bins) {
        bin -= 1;
    }
    while bin + 1 < bins && confidence > edge(bin + 1, bins) {
        bin += 1;
    }
    bin
}

fn edge(at: usize, bins: usize) -> f64 {
    at as f64 / bins as f64
}

fn by_mass(mut answers: Vec<(f64, bool)>, bins: usize) -> Calibration {
    answers.sort_by(|one, other| sound::ascending(one.0, other.0));
    let portions = bins.min(answers.len());
    let (length, longer) = (answers.len() / portions, answers.len() % portions);
    let (long, short) = answers.split_at(longer * (length + 1));
    let portions = long.chunks(length + 1).chain(short.chunks(length));
    let bin =
        |portion: &[(f64, bool)]| ReliabilityBin::of(portion[0].0, portion[portion.len() - 1].0, portion);
    Calibration { bins: portions.map(bin).collect() }
}
