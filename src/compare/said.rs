//! What two answers of language models said: held against each other without ids, times and usage, which differ between
//! any two, and without regard to protocols and to streams.
//!
//! Of several answers to one request the first counts. An answer whose stream broke off said nothing that could be held
//! against another.

use serde_json::Value;

use crate::compare::Alike;
use crate::compare::BOUND;
use crate::compare::Bound;
use crate::compare::Differences;
use crate::compare::Lexical;
use crate::compare::Tree;
use crate::compare::calls;
use crate::compare::rule::Finding;
use crate::protocol::Choice;
use crate::protocol::Document;
use crate::protocol::Reply;

/// How many times as long as legacy's, or legacy's as it, an answer may be by default: e to the power of 0.2, within which
/// judges are said not to prefer the longer one for its length.
pub const LENGTH_RATIO: f64 = 1.221_402_758_160_169_9;

/// One of two answers.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// Its body, whole.
    pub(super) body: &'a Document,
    /// What it says; `None`: nobody looked.
    reply: Option<&'a Reply>,
}

/// Which part of what was said is compared, and how.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// All of it: text, refusal and calls of tools are the same; texts that are JSON on both sides, as JSON. The score is
    /// chrF of the texts, from 0 to 1.
    Whole,
    /// The text, or what it says in refusal.
    Text(Alike),
    /// The JSON that the text is, within a fence of Markdown or without.
    Json(Tree),
    /// The calls of tools in any order. The score is the share of calls that both have.
    ToolCalls(Tree),
    /// How long it is.
    Length(Length),
}

/// How long an answer may be in comparison with legacy's. The ratio is the other's length to legacy's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Length {
    /// What is counted.
    pub unit: Unit,
    /// How many times as long the longer of the two may be, at least 1.
    pub most: f64,
}

/// What the length of a text is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Unit {
    /// Unicode code points of the text.
    #[default]
    Characters,
    /// The tokens that each model says it put out, each by its own tokenizer.
    Tokens,
}

impl Default for Length {
    fn default() -> Self {
        Self { unit: Unit::default(), most: LENGTH_RATIO }
    }
}

impl<'a> Answer<'a> {
    /// An answer with what it says.
    pub fn new(body: &'a Document, reply: &'a Reply) -> Self {
        Self { body, reply: Some(reply) }
    }

    /// An answer of which nothing is known but its body.
    pub fn plain(body: &'a Document) -> Self {
        Self { body, reply: None }
    }

    /// Its body.
    pub fn body(self) -> &'a Document {
        self.body
    }

    /// Whether it is one of a language model's that said something.
    pub(super) fn says(self) -> bool {
        self.said().is_some()
    }

    /// What it said; `None`: nothing, or only the beginning of something.
    fn said(self) -> Option<&'a Choice> {
        self.reply?.whole()
    }

    fn output_tokens(self) -> Option<u64> {
        self.reply?.reported.output
    }
}

impl Said {
    pub(super) fn compare(&self, legacy: Answer<'_>, other: Answer<'_>) -> Finding {
        let Some((own, theirs)) = legacy.said().zip(other.said()) else { return Finding::MISSING };
        match self {
            Said::Whole => whole(own, theirs),
            Said::Text(alike) => match (own.spoken(), theirs.spoken()) {
                ("", "") => Finding::MISSING,
                (own, theirs) => alike.compare(&[own], &[theirs]),
            },
            Said::Json(tree) => match structured(own).zip(structured(theirs)) {
                Some((own, theirs)) => {
                    Finding::of_differences(below("text", |bound| tree.differences(&own, &theirs, bound)))
                }
                None => Finding::MISSING,
            },
            Said::ToolCalls(tree) => calls::compare(tree, &own.tool_calls, &theirs.tool_calls),
            Said::Length(length) => match length.unit {
                Unit::Characters => {
                    let count = |said: &Choice| Some(said.spoken().chars().count() as u64);
                    length.compare(count(own), count(theirs))
                }
                Unit::Tokens => length.compare(legacy.output_tokens(), other.output_tokens()),
            },
        }
    }
}

impl Length {
    fn compare(self, legacy: Option<u64>, other: Option<u64>) -> Finding {
        match legacy.zip(other) {
            None | Some((0, _)) => Finding::MISSING,
            Some((_, 0)) => Finding::plain(false),
            Some((legacy, other)) => {
                let ratio = other as f64 / legacy as f64;
                Finding { ratio: Some(ratio), ..Finding::plain(ratio.max(1.0 / ratio) <= self.most) }
            }
        }
    }
}

fn whole(legacy: &Choice, other: &Choice) -> Finding {
    let text = match structured(legacy).zip(structured(other)) {
        Some((legacy, other)) => {
            below("text", |bound| Tree::WITHIN_ROUNDING.differences(&legacy, &other, bound))
        }
        None => texts("text", &legacy.text, &other.text),
    };
    let refusal = texts("refusal", &legacy.refusal, &other.refusal);
    let called = calls::compare(&Tree::WITHIN_ROUNDING, &legacy.tool_calls, &other.tool_calls);
    let mut differences = Differences::default();
    for part in [Some(text), Some(refusal), called.differences].into_iter().flatten() {
        differences.add(part, BOUND);
    }
    let score = match (legacy.spoken(), other.spoken()) {
        _ if differences.is_empty() => 1.0,
        // Where nobody said anything but calls, they are all that there is to be alike.
        ("", "") => called.score.unwrap_or(0.0),
        (legacy, other) => Lexical::Chrf.of(legacy, other),
    };
    Finding { score: Some(score), ..Finding::of_differences(differences) }
}

fn texts(place: &str, legacy: &str, other: &str) -> Differences {
    let value = |text: &str| Value::from(text);
    match legacy == other {
        true => Differences::default(),
        false => {
            below(place, |bound| Tree::WITHIN_ROUNDING.differences(&value(legacy), &value(other), bound))
        }
    }
}

/// Differences found below a part of what was said.
pub(super) fn below(part: &str, look: impl FnOnce(Bound) -> Differences) -> Differences {
    let prefix = format!("answer/{part}");
    let bound = Bound { path_bytes: BOUND.path_bytes - prefix.len(), ..BOUND };
    look(bound).below(&prefix)
}

/// The object or array that a text is; `None`: it is another text. Models like to put a fence of Markdown around JSON.
fn structured(said: &Choice) -> Option<Value> {
    let text = unfenced(said.text.trim());
    let may_be = text.starts_with(['{', '[']);
    may_be.then(|| serde_json::from_str(text).ok()).flatten()
}

fn unfenced(text: &str) -> &str {
    let inner = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    // What stands behind the first fence is the language's name.
    inner.and_then(|inner| inner.split_once('\n')).map_or(text, |(_, inner)| inner.trim())
}
