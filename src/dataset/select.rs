//! The first pass over the log: which requests are chosen. Of each it keeps a few dozen bytes.

use std::collections::HashMap;
use std::collections::HashSet;

use indexmap::IndexSet;

use crate::compare::Agreement;
use crate::dataset::Counts;
use crate::dataset::LeftOut;
use crate::dataset::Set;
use crate::dataset::Wanted;
use crate::dataset::key::lot;
use crate::dataset::key::query_key;
use crate::evaluate::measure::Better;
use crate::policy::Watched;
use crate::record::Body;
use crate::record::DesignRecord;
use crate::record::Line;
use crate::record::OutcomeRecord;
use crate::record::OutcomeValue;
use crate::record::PairedRecord;
use crate::vocab::ExperimentName;
use crate::vocab::Fate;
use crate::vocab::OutcomeName;
use crate::vocab::RequestId;
use crate::vocab::Role;
use crate::vocab::Timestamp;

/// Folds a log into what is chosen of it.
#[derive(Debug)]
pub(super) struct Selection<'w> {
    wanted: &'w Wanted,
    experiments: IndexSet<ExperimentName>,
    strata: IndexSet<Option<String>>,
    seen: HashSet<Subject>,
    candidates: Vec<Candidate>,
    /// Requests of which an outcome was reported that is asked for.
    told: HashSet<Subject>,
    /// Yes-or-no outcomes of which `true` is bad.
    bad_when_true: HashSet<(ExperimentName, OutcomeName)>,
    counts: Counts,
}

/// A request of an experiment, by the experiment's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Subject {
    experiment: u32,
    request: RequestId,
}

/// What is chosen.
#[derive(Debug)]
pub(super) struct Chosen {
    experiments: IndexSet<ExperimentName>,
    requests: HashMap<Subject, Timestamp>,
    pub(super) counts: Counts,
}

#[derive(Debug)]
struct Candidate {
    subject: Subject,
    time: Timestamp,
    /// What is the same for the same query.
    key: u128,
    stratum: u32,
    left_out: Option<LeftOut>,
}

impl<'w> Selection<'w> {
    pub(super) fn of(wanted: &'w Wanted) -> Self {
        Self {
            wanted,
            experiments: IndexSet::new(),
            strata: IndexSet::new(),
            seen: HashSet::new(),
            candidates: Vec::new(),
            told: HashSet::new(),
            bad_when_true: HashSet::new(),
            counts: Counts::default(),
        }
    }

    pub(super) fn fold(&mut self, line: &Line) {
        match line {
            Line::Design(design) => self.fold_design(design),
            Line::Pair(record) => self.fold_pair(record),
            Line::Outcome(record) => self.fold_outcome(record),
            // Its pair follows, or a gap that tells of it; what judges said is no part of a data set.
            Line::Answered(_) | Line::Judgement(_) => {}
            Line::Gap(gap) => self.counts.lost += gap.lost.unwrap_or(0),
        }
    }

    pub(super) fn pass_over(&mut self) {
        self.counts.unreadable += 1;
    }

    fn fold_design(&mut self, design: &DesignRecord) {
        let Some(primary) = &design.decision.primary else { return };
        if let (Watched::Outcome(name), Better::Lower) = (&primary.of, primary.better) {
            self.bad_when_true.insert((design.experiment.clone(), name.clone()));
        }
    }

    fn fold_pair(&mut self, record: &PairedRecord) {
        let wanted = self.wanted;
        self.counts.read += 1;
        let subject = self.subject(&record.experiment, record.request_id);
        if !self.seen.insert(subject) {
            self.counts.repeated += 1;
            return;
        }
        let of_experiment = wanted.experiments.is_empty() || wanted.experiments.contains(&record.experiment);
        let in_time = wanted.since.is_none_or(|since| record.time >= since)
            && wanted.until.is_none_or(|until| record.time < until);
        if !of_experiment || !in_time {
            self.counts.filtered += 1;
            return;
        }
        if !is_of(wanted.set, record) {
            self.counts.unmatched += 1;
            return;
        }
        let stratum = wanted.stratify.as_ref().map(|field| field.value(record));
        let stratum = self.strata.insert_full(stratum.flatten()).0 as u32;
        let (key, left_out) = match wanted.set {
            Set::Prod => (query_key(record), unclean(record)),
            // A client's second try tells nothing that the first does not.
            Set::ThumbsDown | Set::Disagreements | Set::Errors => (0, record.retry.then_some(LeftOut::Retry)),
            Set::All => (0, None),
        };
        self.candidates.push(Candidate { subject, time: record.time, key, stratum, left_out });
    }

    fn fold_outcome(&mut self, record: &OutcomeRecord) {
        let is_meant = match &self.wanted.outcome {
            Some(test) => test.holds(record),
            None => self.wanted.set == Set::ThumbsDown && self.is_bad(record),
        };
        if is_meant {
            let subject = self.subject(&record.experiment, record.request_id);
            self.told.insert(subject);
        }
    }

    /// Whether a yes-or-no outcome says what its experiment does not want: no, unless the primary metric says that less of
    /// it is better.
    fn is_bad(&self, record: &OutcomeRecord) -> bool {
        let OutcomeValue::Binary(truth) = record.value else { return false };
        let when_true = !self.bad_when_true.is_empty()
            && self.bad_when_true.contains(&(record.experiment.clone(), record.outcome.clone()));
        !record.late && truth == when_true
    }

    fn subject(&mut self, experiment: &ExperimentName, request: RequestId) -> Subject {
        let place = self.experiments.get_index_of(experiment);
        let place = place.unwrap_or_else(|| self.experiments.insert_full(experiment.clone()).0);
        Subject { experiment: place as u32, request }
    }

    /// What is chosen of all that was folded.
    pub(super) fn chosen(self) -> Chosen {
        let Self { wanted, experiments, mut candidates, told, mut counts, .. } = self;
        if wanted.outcome.is_some() || wanted.set == Set::ThumbsDown {
            let before = candidates.len();
            candidates.retain(|candidate| told.contains(&candidate.subject));
            counts.unmatched += (before - candidates.len()) as u64;
        }
        counts.matched = candidates.len() as u64;
        for reason in candidates.iter().filter_map(|candidate| candidate.left_out) {
            *counts.left_out.entry(reason).or_default() += 1;
        }
        candidates.retain(|candidate| candidate.left_out.is_none());
        if wanted.set == Set::Prod {
            counts.duplicates = keep_first(&mut candidates);
        }
        if let Some(most) = wanted.sample {
            counts.not_drawn = draw(&mut candidates, most, wanted);
        }
        counts.kept = candidates.len() as u64;
        let requests = candidates.into_iter().map(|candidate| (candidate.subject, candidate.time)).collect();
        Chosen { experiments, requests, counts }
    }
}

impl Chosen {
    /// When a request came; `None`: it is not chosen.
    pub(super) fn time(&self, experiment: &ExperimentName, request: RequestId) -> Option<Timestamp> {
        let place = self.experiments.get_index_of(experiment)? as u32;
        self.requests.get(&Subject { experiment: place, request }).copied()
    }
}

/// Keeps the earliest of the same query; says how many went.
fn keep_first(candidates: &mut Vec<Candidate>) -> u64 {
    let before = candidates.len();
    candidates.sort_unstable_by_key(|candidate| (candidate.key, candidate.time, candidate.subject.request));
    candidates.dedup_by_key(|candidate| candidate.key);
    (before - candidates.len()) as u64
}

/// Keeps those of each stratum whose lots are the smallest; says how many went.
fn draw(candidates: &mut Vec<Candidate>, most: usize, wanted: &Wanted) -> u64 {
    let before = candidates.len();
    let lot_of = |candidate: &Candidate| match wanted.set {
        // By the query, so that a query that is drawn today is drawn tomorrow too.
        Set::Prod => lot(&candidate.key.to_le_bytes(), wanted.seed),
        _ => lot(candidate.subject.request.as_bytes(), wanted.seed),
    };
    candidates.sort_by_cached_key(|candidate| {
        (candidate.stratum, lot_of(candidate), candidate.time, candidate.subject.request)
    });
    let mut drawn: HashMap<u32, usize> = HashMap::new();
    candidates.retain(|candidate| {
        let count = drawn.entry(candidate.stratum).or_default();
        *count += 1;
        *count <= most
    });
    (before - candidates.len()) as u64
}

/// Whether a request is of a set, as far as its pair tells.
fn is_of(set: Set, record: &PairedRecord) -> bool {
    match set {
        Set::Prod | Set::ThumbsDown | Set::All => true,
        Set::Disagreements => record.comparison.iter().any(|found| {
            found.role != Role::Control && found.fields.values().any(|field| *field == Agreement::Differ)
        }),
        Set::Errors => record.observations.iter().any(|seen| seen.is_error()),
    }
}

/// Why a request is no clean query.
fn unclean(record: &PairedRecord) -> Option<LeftOut> {
    let answered = record.observations.iter().any(|seen| {
        let succeeded = seen.status.is_some_and(|status| (200..300).contains(&status));
        seen.fate == Fate::Complete && succeeded && !seen.is_error()
    });
    let reasons = [
        (record.retry, LeftOut::Retry),
        (record.forced, LeftOut::Forced),
        (record.cancelled, LeftOut::Cancelled),
        (record.truncated, LeftOut::Cut),
        (matches!(record.request.body, Some(Body::Withheld(_))), LeftOut::Withheld),
        (!answered, LeftOut::Unanswered),
    ];
    reasons.into_iter().find(|(holds, _)| *holds).map(|(_, reason)| reason)
}
