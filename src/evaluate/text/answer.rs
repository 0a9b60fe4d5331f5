//! Short answers to questions: is it the one that was wanted, or how much of it (Rajpurkar and others 2016, 2018)?

use std::collections::HashMap;

use serde::Deserialize;
use serde::Serialize;

use crate::evaluate::text::words::is_letter_or_number;
use crate::evaluate::text::words::words;

/// What is overlooked when answers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normalization {
    /// Nothing.
    None,
    /// Case, ASCII punctuation, the English articles and the amount of white space, as in the SQuAD script.
    #[default]
    Squad,
}

impl Normalization {
    fn apply(self, text: &str) -> String {
        match self {
            Self::None => text.to_owned(),
            Self::Squad => squad(text),
        }
    }
}

/// Says whether an answer is the reference.
pub fn exact_match(reference: &str, hypothesis: &str, normalization: Normalization) -> bool {
    normalization.apply(reference) == normalization.apply(hypothesis)
}

/// The F1 of the words that an answer shares with the reference, from 0 to 1; of two texts without words it is 1, of
/// one 0. Takes time and memory in proportion to the texts.
pub fn token_f1(reference: &str, hypothesis: &str, normalization: Normalization) -> f64 {
    let (reference, hypothesis) = (normalization.apply(reference), normalization.apply(hypothesis));
    let mut wanted: HashMap<&str, u64> = HashMap::new();
    let mut wanted_words = 0_u64;
    for word in words(&reference) {
        *wanted.entry(word).or_default() += 1;
        wanted_words += 1;
    }
    let (mut shared, mut given_words) = (0_u64, 0_u64);
    for word in words(&hypothesis) {
        given_words += 1;
        if let Some(left) = wanted.get_mut(word).filter(|left| **left > 0) {
            *left -= 1;
            shared += 1;
        }
    }
    match wanted_words + given_words {
        0 => 1.0,
        both => 2.0 * shared as f64 / both as f64,
    }
}

fn squad(text: &str) -> String {
    let text = text.to_lowercase().replace(|c: char| c.is_ascii_punctuation(), "");
    let without_articles = without_articles(&text);
    words(&without_articles).collect::<Vec<_>>().join(" ")
}

/// A text with a space in place of each article: a run of letters and numbers that is one, whatever stands around it.
fn without_articles(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let (word, after) = rest.split_at(rest.find(|c| !is_letter_or_number(c)).unwrap_or(rest.len()));
        kept.push_str(if matches!(word, "a" | "an" | "the") { " " } else { word });
        let next = after.find(is_letter_or_number).unwrap_or(after.len());
        kept.push_str(&after[..next]);
        rest = &after[next..];
    }
    kept
}
