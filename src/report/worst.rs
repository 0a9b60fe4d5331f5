//! The pairs whose answers disagree most, with what was asked and what both said.
//!
//! A few for each experiment, cut to what a page shows, whatever the log's length. Among pairs that disagree alike
//! those are kept whose ids have the smallest hashes: any of them, the same ones in any order of the log.

use std::collections::VecDeque;

use indexmap::IndexMap;
use serde::Deserialize;
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

use crate::analysis::ExperimentSummary;
use crate::compare::Agreement;
use crate::record::Body;
use crate::record::ComparisonRecord;
use crate::record::Line;
use crate::record::ObservationRecord;
use crate::record::OutcomeRecord;
use crate::record::OutcomeValue;
use crate::record::PairedRecord;
use crate::vocab::ExperimentName;
use crate::vocab::Fate;
use crate::vocab::ModelName;
use crate::vocab::OutcomeName;
use crate::vocab::RequestId;
use crate::vocab::Role;
use crate::vocab::Timestamp;

/// How many pairs are kept for an experiment.
const MOST: usize = 20;

/// How much of a body is shown.
const BODY_BYTES: usize = 4 * 1024;

/// How many outcomes are remembered for pairs that come after them.
const EARLY: usize = 1_024;

/// A pair whose answers disagree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Disagreement {
    /// The request.
    pub request_id: RequestId,
    /// When it came.
    pub time: Timestamp,
    /// The model whose answer is held against legacy's.
    pub arm: ModelName,
    /// What its call was for.
    pub role: Role,
    /// The compared fields that differ.
    pub fields: Vec<String>,
    /// How far apart or how alike values are, by the measure of their rule.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub scores: IndexMap<String, f64>,
    /// Where the answers differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// What was asked.
    pub request: Asked,
    /// What legacy answered.
    pub legacy: Answered,
    /// What the other model answered.
    pub other: Answered,
    /// What was reported of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outcomes: Vec<(OutcomeName, OutcomeValue)>,
}

/// What was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The body.
    pub body: Option<Excerpt>,
}

/// What a model answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    /// How the call ended.
    pub fate: Fate,
    /// The status.
    pub status: Option<u16>,
    /// To the last byte, in milliseconds.
    pub total_ms: f64,
    /// The body.
    pub body: Option<Excerpt>,
}

/// A body, or its beginning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excerpt {
    /// At most 4 KiB of it.
    pub text: String,
    /// There is more.
    pub cut: bool,
}

/// The worst pairs of every experiment.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Worst {
    experiments: IndexMap<ExperimentName, Chosen>,
    early: VecDeque<(RequestId, OutcomeName, OutcomeValue)>,
}

/// The worst pairs of one experiment.
#[derive(Debug, Serialize, Deserialize)]
struct Chosen {
    /// What makes evidence comparable; pairs of another identity are of another experiment by the same name.
    identity: String,
    /// The last pair.
    until: Timestamp,
    kept: Vec<Kept>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    rank: Rank,
    pair: Disagreement,
}

/// How badly a pair disagrees; the greatest is the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Rank {
    fields: usize,
    paths: usize,
    /// What breaks ties.
    chance: u64,
}

impl Worst {
    /// Takes in one line.
    pub(super) fn fold(&mut self, line: &Line) {
        match line {
            Line::Pair(record) => self.fold_pair(record),
            Line::Outcome(record) => self.fold_outcome(record),
            Line::Design(_) | Line::Answered(_) | Line::Judgement(_) | Line::Gap(_) => {}
        }
    }

    fn fold_pair(&mut self, record: &PairedRecord) {
        if !record.counts() || record.comparison.is_empty() {
            return;
        }
        let ranked = record.comparison.iter().filter_map(|found| Some((Rank::of(record, found)?, found)));
        let Some((rank, found)) = ranked.max_by_key(|(rank, _)| *rank) else { return };
        let Some(chosen) = self.chosen(record) else { return };
        if !chosen.has_room(rank) {
            return;
        }
        let Some(mut pair) = Disagreement::of(record, found) else { return };
        let own = self.early.iter().filter(|(request, ..)| *request == record.request_id);
        pair.outcomes.extend(own.map(|(_, name, value)| (name.clone(), value.clone())));
        if let Some(chosen) = self.experiments.get_mut(&record.experiment) {
            chosen.keep(Kept { rank, pair });
        }
    }

    /// What is chosen of the experiment so far; `None`: the pair is from before its figures began anew.
    fn chosen(&mut self, record: &PairedRecord) -> Option<&mut Chosen> {
        if !self.experiments.contains_key(&record.experiment) {
            self.experiments.insert(record.experiment.clone(), Chosen::since(record));
        }
        let chosen = &mut self.experiments[&record.experiment];
        if chosen.identity != record.identity {
            if record.time < chosen.until {
                return None;
            }
            *chosen = Chosen::since(record);
        }
        chosen.until = chosen.until.max(record.time);
        Some(chosen)
    }

    /// Notes what was reported of a pair that is kept, or that may yet come.
    fn fold_outcome(&mut self, record: &OutcomeRecord) {
        let OutcomeRecord { request_id, outcome, value, .. } = record;
        let kept =
            self.experiments.get_mut(&record.experiment).into_iter().flat_map(|chosen| &mut chosen.kept);
        for Kept { pair, .. } in kept.filter(|kept| kept.pair.request_id == *request_id) {
            pair.outcomes.push((outcome.clone(), value.clone()));
        }
        if self.early.len() >= EARLY {
            self.early.pop_front();
        }
        self.early.push_back((*request_id, outcome.clone(), value.clone()));
    }

    /// Takes in what was chosen elsewhere.
    pub(super) fn merge(&mut self, other: Self) {
        for (experiment, theirs) in other.experiments {
            let Some(own) = self.experiments.get_mut(&experiment) else {
                self.experiments.insert(experiment, theirs);
                continue;
            };
            if own.identity == theirs.identity {
                own.until = own.until.max(theirs.until);
                theirs.kept.into_iter().for_each(|kept| own.keep(kept));
            } else if theirs.until > own.until {
                *own = theirs;
            }
        }
        let early = other.early.into_iter().chain(std::mem::take(&mut self.early));
        for (request, name, value) in early {
            let kept = self.experiments.values_mut().flat_map(|chosen| &mut chosen.kept);
            for Kept { pair, .. } in kept.filter(|kept| kept.pair.request_id == request) {
                if !pair.outcomes.iter().any(|(known, _)| *known == name) {
                    pair.outcomes.push((name.clone(), value.clone()));
                }
            }
            self.early.push_back((request, name, value));
        }
        let beyond = self.early.len().saturating_sub(EARLY);
        self.early.drain(..beyond);
    }

    /// The worst pairs of an experiment, the worst first.
    pub(super) fn of_experiment(&mut self, found: &ExperimentSummary) -> Vec<Disagreement> {
        let chosen = self.experiments.swap_remove(&found.experiment);
        let pairs = chosen.into_iter().flat_map(|chosen| chosen.kept).map(|kept| kept.pair);
        pairs.filter(|pair| pair.time >= found.since).collect()
    }
}

impl Chosen {
    fn since(record: &PairedRecord) -> Self {
        Self { identity: record.identity.clone(), until: record.time, kept: Vec::new() }
    }

    fn has_room(&self, rank: Rank) -> bool {
        self.kept.len() < MOST || self.kept.last().is_some_and(|least| least.rank < rank)
    }

    fn keep(&mut self, kept: Kept) {
        let place = self.kept.partition_point(|other| other.rank > kept.rank);
        self.kept.insert(place, kept);
        self.kept.truncate(MOST);
    }
}

impl Rank {
    /// `None`: the answers agree, or it is legacy's own second answer.
    fn of(record: &PairedRecord, found: &ComparisonRecord) -> Option<Self> {
        if found.role == Role::Control {
            return None;
        }
        let fields = found.fields.values().filter(|agreement| **agreement == Agreement::Differ).count();
        let paths = found.paths.as_ref().map_or(0, Vec::len);
        (fields > 0).then(|| Self { fields, paths, chance: xxh3_64(record.request_id.as_bytes()) })
    }
}

impl Disagreement {
    /// `None`: the record lacks one of the answers.
    fn of(record: &PairedRecord, found: &ComparisonRecord) -> Option<Self> {
        let legacy = record.arms.first()?;
        let is_legacys = |seen: &&ObservationRecord| seen.arm == *legacy && seen.role != Role::Control;
        let is_other = |seen: &&ObservationRecord| seen.arm == found.arm && seen.role == found.role;
        let differ = found.fields.iter().filter(|(_, agreement)| **agreement == Agreement::Differ);
        Some(Self {
            request_id: record.request_id,
            time: record.time,
            arm: found.arm.clone(),
            role: found.role,
            fields: differ.map(|(field, _)| field.clone()).collect(),
            scores: found.scores.clone(),
            paths: found.paths.clone().unwrap_or_default(),
            request: Asked {
                method: record.request.method.clone(),
                path: record.request.path.clone(),
                query: record.request.query.clone(),
                body: record.request.body.as_ref().map(Excerpt::of),
            },
            legacy: Answered::of(record.observations.iter().find(is_legacys)?),
            other: Answered::of(record.observations.iter().find(is_other)?),
            outcomes: Vec::new(),
        })
    }
}

impl Answered {
    fn of(seen: &ObservationRecord) -> Self {
        let ObservationRecord { fate, status, total_ms, body, .. } = seen;
        Self { fate: *fate, status: *status, total_ms: *total_ms, body: body.as_ref().map(Excerpt::of) }
    }
}

impl Excerpt {
    fn of(body: &Body) -> Self {
        match body {
            Body::Json(raw) => Self::beginning(raw.get()),
            Body::Text(text) => Self::beginning(text),
            Body::Base64(text) => Self::beginning(&format!("base64: {text}")),
            Body::Withheld(reason) => Self::beginning(&format!("withheld: {reason:?}").to_lowercase()),
        }
    }

    fn beginning(text: &str) -> Self {
        if text.len() <= BODY_BYTES {
            return Self { text: text.to_owned(), cut: false };
        }
        let end = (0..=BODY_BYTES).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        Self { text: text[..end].to_owned(), cut: true }
    }
}
