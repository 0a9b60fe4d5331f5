//! Strengths of several models from who beat whom (Bradley and Terry 1952; Zermelo 1929).

use crate::evaluate::NoValue;
use crate::evaluate::sound;

const CLOSE_ENOUGH: f64 = 1e-13;
const MOST_ROUNDS: usize = 100_000;

/// The logarithm of each model's strength, with a mean of 0: the odds that i beats j are exp(s_i - s_j). `wins[i][j]`
/// is how often i beat j; fractions are welcome, so that a tie may count as half a win for each.
///
/// Found by the iteration of Newman 2023, whose rounds take n^2 steps for n models.
///
/// # Errors
/// [`NoValue::Invalid`] when the table is not square, or a count is negative or not finite or of a model against
/// itself; [`NoValue::Undefined`] with fewer than two models, when the models fall into two groups of which one never
/// beat the other (the strengths are then infinite), and when the iteration does not settle.
pub fn bradley_terry(wins: &[Vec<f64>]) -> Result<Vec<f64>, NoValue> {
    let models = wins.len();
    for (model, row) in wins.iter().enumerate() {
        sound::same_length(row.len(), models)?;
        if row.iter().any(|count| !(*count >= 0.0 && count.is_finite())) {
            return Err(NoValue::Invalid("a count is negative or not finite"));
        }
        if row[model] != 0.0 {
            return Err(NoValue::Invalid("a model cannot beat itself"));
        }
    }
    if models < 2 {
        return Err(NoValue::Undefined("there are fewer than two models"));
    }
    let beat = |one: usize, other: usize| wins[one][other] > 0.0;
    let was_beaten = |one: usize, other: usize| wins[other][one] > 0.0;
    if !reaches_all(models, beat) || !reaches_all(models, was_beaten) {
        return Err(NoValue::Undefined("some models never beat any of the others"));
    }
    let mut logs = vec![0.0_f64; models];
    for _ in 0..MOST_ROUNDS {
        let moved = round(wins, &mut logs);
        let mean = logs.iter().sum::<f64>() / models as f64;
        logs.iter_mut().for_each(|log| *log -= mean);
        if !mean.is_finite() {
            break;
        }
        if moved <= CLOSE_ENOUGH {
            return Ok(logs);
        }
    }
    Err(NoValue::Undefined("the strengths did not settle"))
}

/// Improves each strength in turn, given the others; says how far the one moved that moved most.
fn round(wins: &[Vec<f64>], logs: &mut [f64]) -> f64 {
    let mut moved = 0.0_f64;
    for model in 0..logs.len() {
        let (mut won, mut lost) = (0.0, 0.0);
        for other in (0..logs.len()).filter(|other| *other != model) {
            // The chances of winning and losing: 1 minus the larger would leave few digits of the smaller.
            let ahead = logs[model] - logs[other];
            won += wins[model][other] / (1.0 + ahead.exp());
            lost += wins[other][model] / (1.0 + (-ahead).exp());
        }
        let step = (won / lost).ln();
        logs[model] += step;
        moved = moved.max(step.abs());
    }
    moved
}

/// Says whether every model can be reached from the first by such steps.
fn reaches_all(models: usize, steps: impl Fn(usize, usize) -> bool) -> bool {
    let mut reached = vec![false; models];
    reached[0] = true;
    let mut open = vec![0];
    while let Some(from) = open.pop() {
        for (to, reached) in reached.iter_mut().enumerate() {
            if !*reached && steps(from, to) {
                *reached = true;
                open.push(to);
            }
        }
    }
    reached.iter().all(|reached| *reached)
}
