//! How an answer compares with legacy's, as far as it may be written.
//!
//! What differs is told by path, and a path holds names that stood in the answers: inside of what a rule of redaction
//! hides, no more is told than that something differs there.

use std::collections::BTreeSet;

use indexmap::IndexMap;
use serde_json::Value;

use crate::compare;
use crate::compare::Agreement;
use crate::compare::Answer;
use crate::compare::Compared;
use crate::policy::Experiment;
use crate::protocol::Document;
use crate::record::RedactAction;
use crate::record::redact::Redactor;

/// What the comparison of two whole answers leaves on record.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    pub(super) fields: IndexMap<String, Agreement>,
    pub(super) scores: IndexMap<String, f64>,
    pub(super) ratios: IndexMap<String, f64>,
    pub(super) paths: Option<Vec<String>>,
    pub(super) paths_truncated: bool,
}

impl Comparison {
    /// Compares two answers by the experiment's fields.
    pub(super) fn of(
        experiment: &Experiment,
        redactor: &Redactor<'_>,
        legacy: Answer<'_>,
        other: Answer<'_>,
    ) -> Self {
        let compared = compare::answers(&experiment.compare, legacy, other);
        let mut comparison = Self::default();
        for Compared { field, agreement, score, ratio, .. } in &compared {
            comparison.fields.insert((*field).to_owned(), *agreement);
            comparison.scores.extend(score.map(|score| ((*field).to_owned(), score)));
            comparison.ratios.extend(ratio.map(|ratio| ((*field).to_owned(), ratio)));
        }
        let trees: Vec<_> = compared.into_iter().filter_map(|compared| compared.differences).collect();
        if trees.is_empty() {
            return comparison;
        }
        let mut paths: BTreeSet<&str> = trees.iter().flat_map(|differences| differences.paths()).collect();
        let answers = [legacy.body(), other.body()];
        let hidden = if paths.is_empty() { Vec::new() } else { hidden(redactor, answers) };
        let hides_fields = redactor.speaks_of_json();
        paths = paths
            .into_iter()
            .map(|path| match path.strip_prefix('/') {
                None if hides_fields => shown_of_said(path),
                None => path,
                Some(_) => shown(path, &hidden),
            })
            .collect();
        comparison.paths_truncated =
            paths.len() > compare::BOUND.differences || trees.iter().any(|differences| differences.truncated);
        let paths = paths.into_iter().take(compare::BOUND.differences);
        let paths = paths.map(|path| redactor.told(path.to_owned()));
        comparison.paths = Some(paths.collect());
        comparison
    }

    /// The same answers, said to differ: their status does.
    pub(super) fn apart(mut self) -> Self {
        self.fields.values_mut().for_each(|agreement| *agreement = Agreement::Differ);
        self
    }
}

/// A place that a rule hides.
struct Hidden {
    place: String,
    /// As much of it as may be written.
    shown: usize,
}

/// The places that rules hide in either answer, with `*` for elements as in paths.
fn hidden(redactor: &Redactor<'_>, answers: [&Document; 2]) -> Vec<Hidden> {
    let places = answers.into_iter().filter_map(Document::value).flat_map(|answer| {
        let hidden = redactor.hidden_places(answer);
        hidden.into_iter().map(|(place, action)| (generalised(&place, answer), action))
    });
    let hidden = places.map(|(place, action)| {
        let shown = match action {
            RedactAction::Drop => place.rfind('/').unwrap_or(0),
            RedactAction::Mask | RedactAction::Hash => place.len(),
        };
        Hidden { place, shown }
    });
    hidden.collect()
}

/// A path up to the first place in it that is hidden.
fn shown<'p>(path: &'p str, hidden: &[Hidden]) -> &'p str {
    let within =
        |place: &str| path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let ends = hidden.iter().filter(|hidden| within(&hidden.place)).map(|hidden| hidden.shown);
    &path[..ends.min().unwrap_or(path.len())]
}

/// A path into what was said, up to the names that stood in the answer: nobody can tell which fields of its body those
/// were.
fn shown_of_said(path: &str) -> &str {
    let own = if path.starts_with("answer/tool_calls/") { 4 } else { 2 };
    path.match_indices('/').nth(own - 1).map_or(path, |(end, _)| &path[..end])
}

/// A pointer into a document with `*` in the place of every index.
fn generalised(pointer: &str, document: &Value) -> String {
    let mut value = Some(document);
    let mut path = String::with_capacity(pointer.len());
    for token in pointer.split('/').skip(1) {
        path.push('/');
        match value {
            Some(Value::Array(elements)) => {
                path.push('*');
                value = token.parse().ok().and_then(|index: usize| elements.get(index));
            }
            _ => {
                path.push_str(token);
                value = value.and_then(|value| value.get(token.replace("~1", "/").replace("~0", "~")));
            }
        }
    }
    path
}
