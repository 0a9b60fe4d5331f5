//! Comparison of two answers to the same request.
//!
//! A rule names a field and how close two values of it must be. Pure: two documents in, a comparison out; a value
//! that is not there is `Missing`, never an agreement.

mod calls;
mod canonical;
mod embedding;
mod equal;
mod lexical;
mod number;
mod pointer;
mod ranked;
mod rule;
mod said;
mod tensor;
mod text;
mod tree;

#[cfg(test)]
mod tests;

pub use calls::CallAgreement;
pub use embedding::Embedding;
pub use equal::Closeness;
pub use lexical::Alike;
pub use lexical::Lexical;
pub use pointer::Pointer;
pub use pointer::PointerError;
pub use ranked::Likeness;
pub use ranked::Ranked;
pub use rule::Rule;
pub use said::Answer;
pub use said::LENGTH_RATIO;
pub use said::Length;
pub use said::Said;
pub use said::Unit;
pub use tensor::Tensor;
pub use tensor::Which;
pub use text::Normalize;
pub use text::Text;
pub use tree::Bound;
pub use tree::Difference;
pub use tree::DifferenceKind;
pub use tree::Differences;
pub use tree::Tree;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::compare::equal::equal;
use crate::compare::rule::Finding;
use crate::protocol::Document;

/// How many differences of two answers are told, and how long their paths may be.
pub const BOUND: Bound = Bound { differences: 64, path_bytes: 256 };

/// One field of the policy's `compare` map.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// The field's name, a metric label and a key of the record.
    pub name: String,
    /// How its two values are compared.
    pub rule: Rule,
}

/// What comparing one field said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Agreement {
    /// Within the rule.
    Agree,
    /// Outside the rule.
    Differ,
    /// On one side or both the rule finds nothing to compare, or the answer is no JSON.
    Missing,
}

/// What comparing one field of two answers said.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared<'f> {
    /// The field's name, or `body` where the policy names no fields.
    pub field: &'f str,
    /// What the comparison said.
    pub agreement: Agreement,
    /// How far apart or how alike the values are, where the rule measures that. Finite.
    pub score: Option<f64>,
    /// How many times as long as legacy's the other is, where the rule measures that. Finite and above 0.
    pub ratio: Option<f64>,
    /// Where the values differ, within [`BOUND`]; only of trees, of what was said and of whole bodies, and `None` where two
    /// different bodies are not both JSON. Paths into what was said begin with `answer/`, all others with `/`.
    pub differences: Option<Differences>,
}

/// Compares two answers to the same request, field by field.
///
/// Without fields the answers of language models are compared by what they said: as `answer`, which agrees where texts,
/// refusals and calls of tools are the same and whose score is chrF, and as `length`. Of other answers the whole bodies are
/// compared, as one field called `body`: as JSON, where whole numbers must be equal and others within 1e-9 of the larger;
/// else byte by byte.
pub fn answers<'f>(fields: &'f [Field], legacy: Answer<'_>, other: Answer<'_>) -> Vec<Compared<'f>> {
    match fields {
        [] if legacy.says() => {
            let rules = [("answer", Said::Whole), ("length", Said::Length(Length::default()))];
            rules.map(|(field, said)| Compared::new(field, said.compare(legacy, other))).into()
        }
        [] => vec![Compared::new("body", whole(legacy.body, other.body))],
        fields => {
            fields.iter().map(|field| Compared::new(&field.name, field.rule.hold(legacy, other))).collect()
        }
    }
}

/// Says whether two JSON values are the same: members in any order, numbers by value (1 is 1.0).
pub fn same(one: &Value, other: &Value) -> bool {
    equal(one, other, Closeness::EXACT)
}

impl<'f> Compared<'f> {
    fn new(field: &'f str, finding: Finding) -> Self {
        let Finding { agreement, score, ratio, differences } = finding;
        Self { field, agreement, score, ratio, differences }
    }
}

fn whole(legacy: &Document, other: &Document) -> Finding {
    if legacy.bytes() == other.bytes() {
        return Finding::of_differences(Differences::default());
    }
    match legacy.value().zip(other.value()) {
        Some((legacy, other)) => {
            Finding::of_differences(Tree::WITHIN_ROUNDING.differences(legacy, other, BOUND))
        }
        None => Finding::plain(false),
    }
}
