//! How surprised a language model was by a text, from the log-probabilities of its tokens.

use crate::evaluate::NoValue;
use crate::evaluate::sum::Sum;

/// A log-probability may exceed 0 by so much: models compute them in short floats.
const ROUNDING: f64 = 1e-3;

/// The base of the logarithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogBase {
    /// Natural logarithms, as the APIs of language models give them.
    E,
    /// Bits.
    Two,
    /// Common logarithms.
    Ten,
}

/// The base to the power of the mean negative log-probability (Jelinek and others 1977): among how many equally likely
/// tokens the model had to choose. Infinite when a token was held impossible, -inf.
///
/// # Errors
/// [`NoValue::Undefined`] without tokens; [`NoValue::Invalid`] for NaN and for log-probabilities above 0.
pub fn perplexity(log_probabilities: &[f64], base: LogBase) -> Result<f64, NoValue> {
    corpus_perplexity(&[log_probabilities], base)
}

/// The perplexity of all documents' tokens together: a long document counts for more, unlike in the mean of the
/// documents' perplexities.
///
/// # Errors
/// As [`perplexity`].
pub fn corpus_perplexity<D: AsRef<[f64]>>(documents: &[D], base: LogBase) -> Result<f64, NoValue> {
    let tokens = || documents.iter().flat_map(|document| document.as_ref());
    if tokens().any(|token| token.is_nan() || *token > ROUNDING) {
        return Err(NoValue::Invalid("a log-probability is above 0 or not a number"));
    }
    let count = tokens().count();
    if count == 0 {
        return Err(NoValue::Undefined("there are no tokens"));
    }
    if tokens().any(|token| *token == f64::NEG_INFINITY) {
        return Ok(f64::INFINITY);
    }
    let sum: Sum = tokens().copied().collect();
    let surprise = -sum.value() / count as f64;
    Ok(match base {
        LogBase::E => surprise.exp(),
        LogBase::Two => surprise.exp2(),
        LogBase::Ten => 10_f64.powf(surprise),
    })
}
