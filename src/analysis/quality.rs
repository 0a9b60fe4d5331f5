//! How well each arm's answers did on one metric: exact sums where the metric is a mean, exact counts of classes, and a
//! sample where it is of many examples together.
//!
//! The sample holds the examples whose request ids have the smallest hashes: it is uniform, the same requests for every
//! arm, the same in any order of the records, and of two gateways together the sample of both.

use std::collections::BTreeMap;

use indexmap::Equivalent;
use indexmap::IndexMap;
use serde::Deserialize;
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use crate::evaluate::NoValue;
use crate::evaluate::measure::Example;
use crate::evaluate::measure::Kind;
use crate::evaluate::measure::Measure;
use crate::evaluate::measure::Scale;
use crate::stats::Moments;
use crate::vocab::RequestId;
use crate::vocab::Role;

/// How many examples a sample holds.
const SAMPLE: usize = 2_000;

/// How many points, between all of which distances are taken each time that somebody asks for the value.
const POINTS: usize = 500;

/// What a sample's examples hold at most, in bytes, roughly.
const SAMPLE_BYTES: usize = 4 * 1024 * 1024;

/// How many cells a confusion matrix has at most; what falls outside is counted apart.
const CELLS: usize = 2_500;

/// One metric's figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Quality {
    pub(super) measure: Measure,
    /// By arm and by what its calls were for.
    #[serde(with = "indexmap::map::serde_seq")]
    pub(super) calls: IndexMap<(usize, Role), Measured>,
}

/// One arm's answers in one role.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Measured {
    /// Scores of single answers, where the metric is a mean of such; those that failed count with the worst score, if
    /// there is one.
    pub(super) scores: Moments,
    /// Examples.
    pub(super) examples: u64,
    /// Answers that gave no prediction.
    pub(super) failed: u64,
    /// Answers whose values the metric cannot use, and why the first of them.
    pub(super) unfit: u64,
    pub(super) unfit_because: Option<String>,
    /// Counts by true and predicted class.
    #[serde(with = "indexmap::map::serde_seq")]
    pub(super) classes: IndexMap<(String, String), u64>,
    /// Examples whose classes did not fit into the matrix.
    pub(super) other_classes: u64,
    pub(super) sample: Sample,
}

/// A uniform sample of examples.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Sample {
    kept: BTreeMap<u64, Example>,
    bytes: usize,
    /// Whether any was let go.
    pub(super) partial: bool,
}

/// What an answer came to on a metric.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Finding {
    /// It has an example.
    Example(Example),
    /// A judge's word for it.
    Score(f64),
    /// It gave no prediction.
    Failed,
    /// Its values do not fit.
    Unfit(NoValue),
}

/// The key of a count of classes, borrowed: mostly the cell is there.
#[derive(Hash)]
struct Cell<'c> {
    truth: &'c str,
    predicted: &'c str,
}

impl Equivalent<(String, String)> for Cell<'_> {
    fn equivalent(&self, (truth, predicted): &(String, String)) -> bool {
        self.truth == truth && self.predicted == predicted
    }
}

impl Quality {
    /// No figures yet.
    pub(super) fn of(measure: Measure) -> Self {
        Self { measure, calls: IndexMap::new() }
    }

    /// Counts an answer and gives its score, if it has one.
    pub(super) fn add(
        &mut self,
        arm: usize,
        role: Role,
        request: RequestId,
        finding: Finding,
    ) -> Option<f64> {
        let Self { measure, calls } = self;
        let call = calls.entry((arm, role)).or_default();
        match finding {
            Finding::Example(example) => call.add(measure, request, example),
            Finding::Score(score) => {
                call.examples += 1;
                call.push(score);
                Some(score)
            }
            Finding::Failed => {
                call.failed += 1;
                let score = measure.worst();
                if let Some(score) = score {
                    call.push(score);
                }
                score
            }
            Finding::Unfit(why) => {
                call.refuse(why);
                None
            }
        }
    }

    /// Takes in another gateway's figures.
    pub(super) fn merge(&mut self, other: &Quality) {
        for (call, theirs) in &other.calls {
            self.calls.entry(*call).or_default().merge(theirs, most_examples(self.measure.kind));
        }
    }
}

impl Measured {
    fn add(&mut self, measure: &Measure, request: RequestId, example: Example) -> Option<f64> {
        let score = match measure.scale() {
            Scale::Whole => None,
            _ => match measure.score(&example) {
                Ok(score) => Some(score),
                Err(why) => {
                    self.refuse(why);
                    return None;
                }
            },
        };
        self.examples += 1;
        if let Some(score) = score {
            self.push(score);
        }
        if let Example::Classes { predicted, truth } = &example {
            self.count(Cell { truth, predicted }, 1);
        }
        if keeps_sample(measure.kind) {
            self.sample.add(xxh3_64(request.as_bytes()), example, most_examples(measure.kind));
        }
        score
    }

    fn push(&mut self, score: f64) {
        if self.scores.add(score).is_err() {
            self.refuse(NoValue::Undefined("the score is not finite"));
        }
    }

    fn count(&mut self, cell: Cell<'_>, count: u64) {
        let full = self.classes.len() >= CELLS;
        match self.classes.get_mut(&cell) {
            Some(own) => *own += count,
            None if full => self.other_classes += count,
            None => {
                let Cell { truth, predicted } = cell;
                self.classes.insert((truth.to_owned(), predicted.to_owned()), count);
            }
        }
    }

    fn refuse(&mut self, why: NoValue) {
        self.unfit += 1;
        self.unfit_because.get_or_insert_with(|| why.to_string());
    }

    /// The metric's value: the mean of the scores, or that of all examples together.
    pub(super) fn value(&self, measure: &Measure) -> Result<f64, NoValue> {
        if measure.kind.is_mean() {
            return self.scores.mean().map_err(|_| NoValue::Undefined("nothing was measured yet"));
        }
        let examples = self.examples();
        let weighted: Vec<(&Example, f64)> =
            examples.iter().map(|(example, weight)| (example, *weight)).collect();
        measure.over(&weighted)
    }

    /// The examples with how often each counts: classes from their exact counts, others from the sample.
    pub(super) fn examples(&self) -> Vec<(Example, f64)> {
        if !self.classes.is_empty() && self.other_classes == 0 {
            let example = |((truth, predicted), count): (&(String, String), &u64)| {
                let (predicted, truth) = (predicted.clone(), truth.clone());
                (Example::Classes { predicted, truth }, *count as f64)
            };
            return self.classes.iter().map(example).collect();
        }
        self.sample.kept.values().map(|example| (example.clone(), 1.0)).collect()
    }

    /// Whether the value is of a sample and not of all.
    pub(super) fn is_partial(&self) -> bool {
        self.sample.partial && (self.classes.is_empty() || self.other_classes > 0)
    }

    fn merge(&mut self, other: &Measured, most: usize) {
        self.scores.merge(&other.scores);
        self.examples += other.examples;
        self.failed += other.failed;
        self.unfit += other.unfit;
        self.unfit_because = self.unfit_because.take().or_else(|| other.unfit_because.clone());
        for ((truth, predicted), count) in &other.classes {
            self.count(Cell { truth, predicted }, *count);
        }
        self.other_classes += other.other_classes;
        self.sample.merge(&other.sample, most);
    }
}

impl Sample {
    /// The examples by the hash of their request, smallest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Example)> {
        self.kept.iter().map(|(hash, example)| (*hash, example))
    }

    fn add(&mut self, hash: u64, example: Example, most: usize) {
        let least_kept_out =
            self.partial.then(|| self.kept.last_key_value().map(|(hash, _)| *hash)).flatten();
        if least_kept_out.is_some_and(|last| hash > last) {
            return;
        }
        self.bytes += example.held_bytes();
        if let Some(before) = self.kept.insert(hash, example) {
            self.bytes -= before.held_bytes();
        }
        while self.kept.len() > most || self.bytes > SAMPLE_BYTES && self.kept.len() > 1 {
            self.partial = true;
            if let Some((_, example)) = self.kept.pop_last() {
                self.bytes -= example.held_bytes();
            }
        }
    }

    fn merge(&mut self, other: &Sample, most: usize) {
        // What one of the two let go is not in the other's range either.
        let bound = |sample: &Sample| {
            sample.partial.then(|| sample.kept.last_key_value().map(|(hash, _)| *hash)).flatten()
        };
        let last = bound(self).into_iter().chain(bound(other)).min();
        for (hash, example) in &other.kept {
            self.add(*hash, example.clone(), most);
        }
        self.partial |= other.partial;
        while let Some(last) = last
            && self.kept.last_key_value().is_some_and(|(hash, _)| *hash > last)
        {
            if let Some((_, example)) = self.kept.pop_last() {
                self.bytes -= example.held_bytes();
            }
        }
    }
}

/// Whether single examples are needed later: for a value over many, or for a curve of calibration.
fn keeps_sample(kind: Kind) -> bool {
    !kind.is_mean() || kind.is_of_probabilities()
}

fn most_examples(kind: Kind) -> usize {
    if kind == Kind::Silhouette { POINTS } else { SAMPLE }
}
