//! The rules by which a field of two answers is compared, and what a rule can find.

use std::borrow::Cow;

use serde_json::Value;

use crate::compare::Agreement;
use crate::compare::Answer;
use crate::compare::BOUND;
use crate::compare::Closeness;
use crate::compare::Differences;
use crate::compare::Embedding;
use crate::compare::Pointer;
use crate::compare::Ranked;
use crate::compare::Said;
use crate::compare::Tensor;
use crate::compare::Text;
use crate::compare::Tree;
use crate::compare::equal::Nearness;
use crate::compare::equal::nearness;
use crate::compare::equal::numbers;
use crate::compare::same;
use crate::protocol::Document;
use crate::protocol::JsonPath;
use crate::protocol::class_text;

/// How close two values must be to agree.
///
/// A path that selects several values on one side must select as many on the other, and they are compared one by one
/// in their order.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// Equal as JSON: numbers by value (1 is 1.0), members in any order.
    Exact(JsonPath),
    /// Numbers near each other. An array that the path selects stands for the numbers in it, however deep, for a tensor
    /// may be sent flat or nested. The score is the largest difference.
    Numeric {
        /// Selects the numbers.
        path: JsonPath,
        /// How near.
        closeness: Closeness,
    },
    /// The same tree of values, down from one place.
    Tree {
        /// Where both trees stand.
        place: Pointer,
        /// How they are held against each other.
        tree: Tree,
    },
    /// Tensors of the Open Inference Protocol.
    Tensor(Tensor),
    /// Equal as classes: `7`, `7.0` and `"7"` are one ([`class_text`]).
    Label(JsonPath),
    /// Lists of the same items in much the same order.
    Ranked(Ranked),
    /// Texts that are much alike.
    Text(Text),
    /// Vectors of much the same direction.
    Embedding(Embedding),
    /// What was said, whatever the protocol and however it was sent.
    Said(Said),
}

/// What a rule says of two answers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Finding {
    pub(super) agreement: Agreement,
    pub(super) score: Option<f64>,
    pub(super) ratio: Option<f64>,
    pub(super) differences: Option<Differences>,
}

impl Finding {
    pub(super) const MISSING: Finding =
        Finding { agreement: Agreement::Missing, score: None, ratio: None, differences: None };

    pub(super) fn plain(agrees: bool) -> Self {
        Self::scored(agrees, None)
    }

    /// A score that is no finite number is none.
    pub(super) fn scored(agrees: bool, score: Option<f64>) -> Self {
        let agreement = if agrees { Agreement::Agree } else { Agreement::Differ };
        let score = score.filter(|score| score.is_finite());
        Self { agreement, score, ratio: None, differences: None }
    }

    pub(super) fn of_differences(differences: Differences) -> Self {
        let found = Self::plain(differences.is_empty());
        Self { differences: Some(differences), ..found }
    }
}

impl Rule {
    /// What the rule says of two answers.
    pub(super) fn hold(&self, one: Answer<'_>, two: Answer<'_>) -> Finding {
        let (legacy, other) = (one.body, two.body);
        match self {
            Rule::Exact(path) => selected(path, legacy, other, exact),
            Rule::Numeric { path, closeness } => {
                selected(path, legacy, other, |legacy, other| numeric(*closeness, legacy, other))
            }
            Rule::Tree { place, tree } => trees(place, tree, legacy, other),
            Rule::Tensor(tensor) => tensor.compare(legacy, other),
            Rule::Label(path) => selected(path, legacy, other, labels),
            Rule::Ranked(ranked) => {
                selected(&ranked.items, legacy, other, |legacy, other| ranked.compare(legacy, other))
            }
            Rule::Text(text) => {
                selected(&text.path, legacy, other, |legacy, other| text.compare(legacy, other))
            }
            Rule::Embedding(embedding) => {
                selected(&embedding.path, legacy, other, |legacy, other| embedding.compare(legacy, other))
            }
            Rule::Said(said) => said.compare(one, two),
        }
    }
}

/// Compares what a path selects, where it selects anything on both sides.
pub(super) fn selected(
    path: &JsonPath,
    legacy: &Document,
    other: &Document,
    compare: impl FnOnce(&[Cow<'_, Value>], &[Cow<'_, Value>]) -> Finding,
) -> Finding {
    match legacy.select(path).zip(other.select(path)) {
        Some((legacy, other)) if !legacy.is_empty() && !other.is_empty() => compare(&legacy, &other),
        _ => Finding::MISSING,
    }
}

fn exact(legacy: &[Cow<'_, Value>], other: &[Cow<'_, Value>]) -> Finding {
    let equal = legacy.iter().zip(other).all(|(legacy, other)| same(legacy, other));
    Finding::plain(legacy.len() == other.len() && equal)
}

fn numeric(closeness: Closeness, legacy: &[Cow<'_, Value>], other: &[Cow<'_, Value>]) -> Finding {
    match numbers(legacy).zip(numbers(other)) {
        Some((legacy, other)) => {
            let Nearness { holds, furthest } = nearness(&legacy, &other, closeness);
            Finding::scored(holds, furthest)
        }
        None => Finding::plain(false),
    }
}

fn trees(place: &Pointer, tree: &Tree, legacy: &Document, other: &Document) -> Finding {
    let Some((legacy, other)) = legacy.value().zip(other.value()) else { return Finding::MISSING };
    let found = Finding::of_differences(tree.differences_at(place, legacy, other, BOUND));
    let is_there = place.find(legacy).is_some() && place.find(other).is_some();
    if is_there { found } else { Finding { agreement: Agreement::Missing, ..found } }
}

fn labels(legacy: &[Cow<'_, Value>], other: &[Cow<'_, Value>]) -> Finding {
    let classes = |values: &[Cow<'_, Value>]| -> Option<Vec<String>> {
        values.iter().map(|value| class_text(value)).collect()
    };
    match classes(legacy).zip(classes(other)) {
        Some((legacy, other)) => Finding::plain(legacy == other),
        None => Finding::MISSING,
    }
}
