//! Scores of generated answers and of the sources they were made from, once a judge or a test has spoken.
//!
//! Only the arithmetic is here, in the conventions of Ragas (Es and others 2024) but without the small constant that
//! it adds to a denominator: who decides that a source is relevant or a claim supported is the caller's business.
//! What a call costs is no matter of quality: see [`crate::cost`].

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::evaluate::NoValue;
use crate::evaluate::agreement::cosine_similarity;
use crate::evaluate::sound;

/// How far up the relevant sources stand: the mean, over the relevant ones, of the share of relevant sources among
/// all up to there. 0 when none is relevant. Takes the flags in the order of the ranking.
///
/// # Errors
/// [`NoValue::Undefined`] without sources.
pub fn context_precision(relevant: &[bool]) -> Result<f64, NoValue> {
    if relevant.is_empty() {
        return Err(NoValue::Undefined("there are no sources"));
    }
    let (mut found, mut sum) = (0.0, 0.0);
    for (index, _) in relevant.iter().enumerate().filter(|(_, relevant)| **relevant) {
        found += 1.0;
        sum += found / (index + 1) as f64;
    }
    Ok(if found == 0.0 { 0.0 } else { sum / found })
}

/// The share of the reference answer's claims that the sources bear out.
///
/// # Errors
/// [`NoValue::Undefined`] without claims.
pub fn context_recall(attributed: &[bool]) -> Result<f64, NoValue> {
    share(attributed, "the reference makes no claim")
}

/// The share of the generated answer's statements that its sources support.
///
/// # Errors
/// [`NoValue::Undefined`] without statements.
pub fn faithfulness(supported: &[bool]) -> Result<f64, NoValue> {
    share(supported, "the answer makes no statement")
}

/// The share of the retrieved sources that are wanted, by their ids, each counted once.
///
/// # Errors
/// [`NoValue::Undefined`] when nothing was retrieved.
pub fn context_precision_ids<I: Ord>(retrieved: &[I], wanted: &[I]) -> Result<f64, NoValue> {
    let (retrieved, wanted) = (distinct(retrieved), distinct(wanted));
    let both = retrieved.intersection(&wanted).count() as f64;
    sound::ratio(both, retrieved.len() as f64, "nothing was retrieved")
}

/// The share of the wanted sources that were retrieved, by their ids, each counted once.
///
/// # Errors
/// [`NoValue::Undefined`] when nothing is wanted.
pub fn context_recall_ids<I: Ord>(retrieved: &[I], wanted: &[I]) -> Result<f64, NoValue> {
    let (retrieved, wanted) = (distinct(retrieved), distinct(wanted));
    let both = retrieved.intersection(&wanted).count() as f64;
    sound::ratio(both, wanted.len() as f64, "nothing is wanted")
}

/// How well an answer fits its question: the mean cosine between the question's embedding and those of questions
/// that a model made up from the answer; 0 when all of these were found noncommittal.
///
/// # Errors
/// [`NoValue::Invalid`] when lengths differ or a number is not finite; [`NoValue::Undefined`] without made-up
/// questions, and when an embedding is all zeros.
pub fn answer_relevance(
    question: &[f64],
    made_up_questions: &[Vec<f64>],
    noncommittal: &[bool],
) -> Result<f64, NoValue> {
    sound::same_length(made_up_questions.len(), noncommittal.len())?;
    let cosines = made_up_questions.iter().map(|made_up| cosine_similarity(question, made_up));
    relevance_of_similarities(&cosines.collect::<Result<Vec<_>, _>>()?, noncommittal)
}

/// [`answer_relevance`] from the cosines themselves.
///
/// # Errors
/// As [`answer_relevance`].
pub fn relevance_of_similarities(similarities: &[f64], noncommittal: &[bool]) -> Result<f64, NoValue> {
    sound::same_length(similarities.len(), noncommittal.len())?;
    sound::all_finite(similarities)?;
    let sum = similarities.iter().sum::<f64>();
    let mean = sound::ratio(sum, similarities.len() as f64, "there are no questions to compare with")?;
    Ok(if noncommittal.iter().all(|flag| *flag) { 0.0 } else { mean })
}

/// pass@k: the chance that one of k answers is correct, when so many of n were (Chen and others 2021, equation 1).
/// It does not cancel when small; takes min(k, correct) steps.
///
/// # Errors
/// [`NoValue::Undefined`] without answers; [`NoValue::Invalid`] when more are correct than there are, or k is 0 or
/// more than there are.
pub fn pass_at_k(answers: u64, correct: u64, k: u64) -> Result<f64, NoValue> {
    if answers == 0 {
        return Err(NoValue::Undefined("there are no answers"));
    }
    if correct > answers {
        return Err(NoValue::Invalid("more answers are correct than there are"));
    }
    if k == 0 || k > answers {
        return Err(NoValue::Invalid("k is 0 or more than there are answers"));
    }
    // Also ends the sum below before a term becomes the logarithm of 0.
    if answers - correct < k {
        return Ok(1.0);
    }
    // C(n - c, k) / C(n, k) is the product of 1 - more/(n - i) for i below fewer.
    let (fewer, more) = (k.min(correct), k.max(correct) as f64);
    let none: f64 = (0..fewer).map(|index| (-more / (answers - index) as f64).ln_1p()).sum();
    Ok(-none.exp_m1())
}

fn share(flags: &[bool], without: &'static str) -> Result<f64, NoValue> {
    let set = flags.iter().filter(|flag| **flag).count();
    sound::ratio(set as f64, flags.len() as f64, without)
}

fn distinct<I: Ord>(ids: &[I]) -> BTreeSet<&I> {
    ids.iter().collect()
}
