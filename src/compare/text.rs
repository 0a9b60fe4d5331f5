//! Texts: how much of one would have to be edited to make the other.

use std::borrow::Cow;

use serde_json::Value;

use crate::compare::rule::Finding;
use crate::evaluate::text::edit_similarity;
use crate::evaluate::text::levenshtein;
use crate::protocol::JsonPath;

/// Up to how many characters of what differs in two texts are looked at: a bound on time, which grows with the square.
const LONGEST: usize = 20_000;

/// Texts that are alike. The score is their edit similarity: 1 for equal ones, 0 where nothing can stay; of several
/// texts the least.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    /// Selects the texts.
    pub path: JsonPath,
    /// The edit similarity at which texts agree, 0 to 1.
    pub least: f64,
    /// What is no difference.
    pub normalize: Vec<Normalize>,
}

/// What is no difference between two texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Normalize {
    /// Capital letters and small ones.
    Case,
    /// White space at the ends, and how much of it stands between words.
    Whitespace,
}

impl Text {
    pub(super) fn compare(&self, legacy: &[Cow<'_, Value>], other: &[Cow<'_, Value>]) -> Finding {
        let Some((legacy, other)) = self.texts(legacy).zip(self.texts(other)) else {
            return Finding::MISSING;
        };
        if legacy.len() != other.len() {
            return Finding::plain(false);
        }
        let similarities = legacy.iter().zip(&other).map(|(legacy, other)| similarity(legacy, other));
        let least = similarities.fold(1.0, f64::min);
        Finding::scored(least >= self.least, Some(least))
    }

    /// The texts without what is no difference; `None`: something else is among them.
    fn texts(&self, selected: &[Cow<'_, Value>]) -> Option<Vec<String>> {
        let normal = |text: &str| {
            self.normalize.iter().fold(text.to_owned(), |text, normalize| match normalize {
                Normalize::Case => text.to_lowercase(),
                Normalize::Whitespace => text.split_whitespace().collect::<Vec<_>>().join(" "),
            })
        };
        selected.iter().map(|value| value.as_str().map(normal)).collect()
    }
}

/// The edit similarity. Of texts that differ over more than [`LONGEST`] characters the rest counts as different
/// throughout, so that they are never said to be nearer than they are.
fn similarity(one: &str, other: &str) -> f64 {
    let (one_chars, other_chars): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let longer = one_chars.len().max(other_chars.len());
    if longer <= LONGEST {
        return edit_similarity(one, other);
    }
    let (one, other) = without_common_ends(&one_chars, &other_chars);
    let (one, rest_of_one) = one.split_at(one.len().min(LONGEST));
    let (other, rest_of_other) = other.split_at(other.len().min(LONGEST));
    let looked_at = levenshtein(&String::from_iter(one), &String::from_iter(other));
    let distance = looked_at + rest_of_one.len().max(rest_of_other.len());
    1.0 - distance.min(longer) as f64 / longer as f64
}

fn without_common_ends<'t>(one: &'t [char], other: &'t [char]) -> (&'t [char], &'t [char]) {
    let head = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    let (one, other) = (&one[head..], &other[head..]);
    let tail = one.iter().rev().zip(other.iter().rev()).take_while(|(one, other)| one == other).count();
    (&one[..one.len() - tail], &other[..other.len() - tail])
}
