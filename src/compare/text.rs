//! Texts in answers: how alike they are, by default by how much of one would have to be edited to make the other.

use std::borrow::Cow;

use serde_json::Value;

use crate::compare::Alike;
use crate::compare::rule::Finding;
use crate::evaluate::text::edit_similarity;
use crate::evaluate::text::levenshtein;
use crate::protocol::JsonPath;

/// Up to how many characters of what differs in two texts are looked at: a bound on time, which grows with the square.
const LONGEST: usize = 20_000;

/// Texts that are alike. The score is the value of the measure: 1 for equal ones; of several texts the least.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    /// Selects the texts.
    pub path: JsonPath,
    /// When they are alike.
    pub alike: Alike,
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
        let Some((legacy, other)) = texts(legacy).zip(texts(other)) else { return Finding::MISSING };
        self.alike.compare(&legacy, &other)
    }
}

/// The texts; `None`: something else is among them.
fn texts<'v>(selected: &'v [Cow<'_, Value>]) -> Option<Vec<&'v str>> {
    selected.iter().map(|value| value.as_str()).collect()
}

/// The edit similarity. Of texts that differ over more than [`LONGEST`] characters the rest counts as different
/// throughout, so that they are never said to be nearer than they are.
pub(super) fn similarity(one: &str, other: &str) -> f64 {
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
