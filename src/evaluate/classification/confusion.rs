//! The confusion matrix: how often each class was taken for each, and what follows from it without averaging.

use serde::Serialize;

use crate::evaluate::NoValue;
use crate::evaluate::sound;
use crate::evaluate::sound::Weights;

pub(super) const TWICE: &str = "a class is named twice";

/// How often each true class was predicted as each class: weights of examples, rows true, columns predicted.
///
/// Streaming and mergeable; O(labels^2) of state. Labels are kept sorted, so that the order of arrival leaves no
/// trace; of unweighted examples the counts are exact up to 2^53. Strings are compared byte by byte.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Confusion<T> {
    labels: Vec<T>,
    cells: Vec<Vec<f64>>,
}

/// What the cells of a matrix are shares of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Normalize {
    /// Of nothing: the weights themselves.
    Counts,
    /// Of the row: of all examples that truly are of the class.
    Truth,
    /// Of the column: of all that were predicted to be.
    Predicted,
    /// Of the whole matrix.
    All,
}

impl<T> Default for Confusion<T> {
    fn default() -> Self {
        Self { labels: Vec::new(), cells: Vec::new() }
    }
}

impl<T: Ord + Clone> Confusion<T> {
    /// Counts examples given as two lists; without weights each counts once.
    ///
    /// # Errors
    /// [`NoValue::Invalid`] when lengths differ or a weight is negative or not finite.
    pub fn of(truth: &[T], predicted: &[T], weights: Option<&[f64]>) -> Result<Self, NoValue> {
        sound::same_length(truth.len(), predicted.len())?;
        let weights = Weights::of(weights, truth.len())?;
        let mut confusion = Self::default();
        for (index, (truth, predicted)) in truth.iter().zip(predicted).enumerate() {
            confusion.count(truth, predicted, weights.at(index));
        }
        Ok(confusion)
    }

    /// Counts one example.
    pub fn add(&mut self, truth: &T, predicted: &T) {
        self.count(truth, predicted, 1.0);
    }

    /// Counts one example with a weight; one of weight 0 leaves no trace.
    ///
    /// # Errors
    /// [`NoValue::Invalid`] when the weight is negative or not finite.
    pub fn add_weighted(&mut self, truth: &T, predicted: &T, weight: f64) -> Result<(), NoValue> {
        sound::weight_is_sound(weight)?;
        self.count(truth, predicted, weight);
        Ok(())
    }

    /// Adds the examples of another matrix.
    pub fn merge(&mut self, other: &Self) {
        for (truth, row) in other.labels.iter().zip(&other.cells) {
            for (predicted, weight) in other.labels.iter().zip(row) {
                self.count(truth, predicted, *weight);
            }
        }
    }

    /// The classes seen, true or predicted, sorted.
    pub fn labels(&self) -> &[T] {
        &self.labels
    }

    /// The weight of all examples.
    pub fn total(&self) -> f64 {
        self.cells.iter().flatten().sum()
    }

    /// The weight of the examples of one true class that were predicted as one class.
    pub fn count_of(&self, truth: &T, predicted: &T) -> f64 {
        match (self.place(truth), self.place(predicted)) {
            (Some(row), Some(column)) => self.cells[row][column],
            _ => 0.0,
        }
    }

    /// The matrix over these classes in this order, rows true; examples of other classes are left out. A share of
    /// an empty row or column is 0, as it is in scikit-learn.
    ///
    /// # Errors
    /// [`NoValue::Undefined`] without examples; [`NoValue::Invalid`] when a class is named twice.
    pub fn matrix(&self, labels: &[T], normalize: Normalize) -> Result<Vec<Vec<f64>>, NoValue> {
        self.some_examples()?;
        sound::all_distinct(labels, TWICE)?;
        let row = |truth| labels.iter().map(|predicted| self.count_of(truth, predicted)).collect();
        let mut cells: Vec<Vec<f64>> = labels.iter().map(row).collect();
        let rows: Vec<f64> = cells.iter().map(|row| row.iter().sum()).collect();
        let columns: Vec<f64> = (0..labels.len()).map(|at| cells.iter().map(|row| row[at]).sum()).collect();
        let all: f64 = rows.iter().sum();
        for (row, row_sum) in cells.iter_mut().zip(rows) {
            for (cell, column_sum) in row.iter_mut().zip(&columns) {
                *cell = match normalize {
                    Normalize::Counts => *cell,
                    Normalize::Truth => share(*cell, row_sum),
                    Normalize::Predicted => share(*cell, *column_sum),
                    Normalize::All => share(*cell, all),
                };
            }
        }
        Ok(cells)
    }

    /// The share of examples whose class was predicted.
    ///
    /// # Errors
    /// [`NoValue::Undefined`] without examples.
    pub fn accuracy(&self) -> Result<f64, NoValue> {
        let total = self.some_examples()?;
        Ok((0..self.labels.len()).map(|at| self.cells[at][at]).sum::<f64>() / total)
    }

    /// The mean recall of the classes that truly occur (Brodersen and others 2010); a class that was only predicted
    /// does not count.
    ///
    /// # Errors
    /// [`NoValue::Undefined`] without examples.
    pub fn balanced_accuracy(&self) -> Result<f64, NoValue> {
        self.some_examples()?;
        let tallies = self.tallies(&self.labels);
        let occurring: Vec<&Tally> = tallies.iter().filter(|tally| tally.support() > 0.0).collect();
        let recalls = occurring.iter().map(|tally| tally.hits / tally.support());
        Ok(recalls.sum::<f64>() / occurring.len() as f64)
    }

    /// The correlation of prediction and truth, from -1 to 1 (Matthews 1975; for many classes Gorodkin 2004). It is
    /// 0 when either side knows one class only.
    ///
    /// # Errors
    /// [`NoValue::Undefined`] without examples.
    pub fn matthews(&self) -> Result<f64, NoValue> {
        self.some_examples()?;
        let tallies = self.tallies(&self.labels);
        // Each sum is of products of disjoint counts: differences of the totals' squares would cancel.
        let sum = |term: fn(&Tally) -> f64| tallies.iter().map(term).sum::<f64>();
        let together = sum(|tally| tally.hits * tally.rejections - tally.false_alarms * tally.misses);
        let truth = sum(|tally| tally.support() * (tally.false_alarms + tally.rejections));
        let predicted = sum(|tally| tally.predicted() * (tally.misses + tally.rejections));
        if truth == 0.0 || predicted == 0.0 {
            return Ok(0.0);
        }
        sound::in_range(together / (truth.sqrt() * predicted.sqrt())).map(|value| value.clamp(-1.0, 1.0))
    }

    /// Each of these classes against all others.
    pub(super) fn tallies(&self, labels: &[T]) -> Vec<Tally> {
        let rows: Vec<f64> = self.cells.iter().map(|row| row.iter().sum()).collect();
        let unseen = || Tally { hits: 0.0, false_alarms: 0.0, misses: 0.0, rejections: self.total() };
        let tally = |label| self.place(label).map_or_else(unseen, |at| self.tally_at(at, &rows));
        labels.iter().map(tally).collect()
    }

    /// The weight of all examples, of which there are some.
    pub(super) fn some_examples(&self) -> Result<f64, NoValue> {
        let total = self.total();
        if total > 0.0 { sound::in_range(total) } else { Err(NoValue::Undefined("there are no examples")) }
    }

    /// Takes the sums of the rows too. A row that holds nothing but one cell equals that cell, so a count that is 0
    /// comes out as 0 also for weights that do not add up exactly.
    fn tally_at(&self, at: usize, rows: &[f64]) -> Tally {
        let others = || (0..rows.len()).filter(|other| *other != at);
        Tally {
            hits: self.cells[at][at],
            false_alarms: others().map(|row| self.cells[row][at]).sum(),
            misses: others().map(|column| self.cells[at][column]).sum(),
            rejections: others().map(|row| rows[row] - self.cells[row][at]).sum(),
        }
    }

    fn count(&mut self, truth: &T, predicted: &T, weight: f64) {
        if weight == 0.0 {
            return;
        }
        // Both have their places before either is looked up: an insertion moves what comes after it.
        self.place_or_insert(truth);
        let column = self.place_or_insert(predicted);
        let row = self.place_or_insert(truth);
        self.cells[row][column] += weight;
    }

    fn place(&self, label: &T) -> Option<usize> {
        self.labels.binary_search(label).ok()
    }

    fn place_or_insert(&mut self, label: &T) -> usize {
        self.labels.binary_search(label).unwrap_or_else(|at| {
            self.labels.insert(at, label.clone());
            self.cells.iter_mut().for_each(|row| row.insert(at, 0.0));
            self.cells.insert(at, vec![0.0; self.labels.len()]);
            at
        })
    }
}

/// One class against all others, in weights of examples.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tally {
    /// Of the class, and predicted so.
    pub(super) hits: f64,
    /// Not of the class, but predicted so.
    pub(super) false_alarms: f64,
    /// Of the class, but not predicted so.
    pub(super) misses: f64,
    /// Neither of the class nor predicted so.
    pub(super) rejections: f64,
}

impl Tally {
    /// The weight of what truly is of the class.
    pub(super) fn support(&self) -> f64 {
        self.hits + self.misses
    }

    fn predicted(&self) -> f64 {
        self.hits + self.false_alarms
    }
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}
