//! Ranked lists: how much of their order two models share.

use std::borrow::Cow;

use indexmap::IndexSet;
use serde_json::Value;

use crate::compare::rule::Finding;
use crate::evaluate::ranking::overlap_at;
use crate::evaluate::ranking::rbo_ext;
use crate::protocol::JsonPath;
use crate::protocol::class_text;

/// How slowly rank-biased overlap loses interest down a list: at 0.9 the first ten places have 86 % of the weight.
const PERSISTENCE: f64 = 0.9;

/// Lists whose items are known by ids. Identical lists always agree; an id that stands twice counts at its first place.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranked {
    /// Selects the items from the top, or the array that holds them.
    pub items: JsonPath,
    /// Where an item's id stands, from the item.
    pub id: JsonPath,
    /// How many items count, from the top; `None`: all.
    pub k: Option<usize>,
    /// How alike the lists must be.
    pub likeness: Likeness,
}

/// How alike two lists must be to agree; its measure is the score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Likeness {
    /// The same items in the same order; the score is as under `RankBiased`.
    Same,
    /// Extrapolated rank-biased overlap with p = 0.9 (Webber, Moffat and Zobel 2010, equation 32) of at least this: 1
    /// is the same order, and the top counts most.
    RankBiased(f64),
    /// At least this share of the longer list in common, in any order.
    Overlap(f64),
}

impl Ranked {
    pub(super) fn compare(&self, legacy: &[Cow<'_, Value>], other: &[Cow<'_, Value>]) -> Finding {
        let Some((legacy, other)) = self.ids(legacy).zip(self.ids(other)) else { return Finding::MISSING };
        // A list shorter than k has all of its items in common with itself.
        let longer = legacy.len().max(other.len());
        let (score, least) = match self.likeness {
            Likeness::Same => (rbo_ext(&legacy, &other, PERSISTENCE), f64::INFINITY),
            Likeness::RankBiased(least) => (rbo_ext(&legacy, &other, PERSISTENCE), least),
            Likeness::Overlap(least) => (overlap_at(&legacy, &other, longer), least),
        };
        let score = score.ok();
        // Of identical lists the score may be a hair below 1, or none where both are empty.
        let agrees = legacy == other || score.is_some_and(|score| score >= least);
        Finding::scored(agrees, score)
    }

    /// The ids from the top; `None`: an item has none.
    fn ids(&self, selected: &[Cow<'_, Value>]) -> Option<Vec<String>> {
        let id = |item: &Value| class_text(self.id.first(item)?);
        let ids: IndexSet<String> = match selected {
            [list] if list.is_array() => list.as_array()?.iter().map(id).collect::<Option<_>>()?,
            items => items.iter().map(|item| id(item)).collect::<Option<_>>()?,
        };
        Some(ids.into_iter().take(self.k.unwrap_or(usize::MAX)).collect())
    }
}
