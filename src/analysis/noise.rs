//! Which fields of a candidate's answers truly differ from legacy's, and which differ anyway: legacy asked twice does
//! not always say the same either.
//!
//! Where legacy got a request a second time (its control call), each path is looked at in both comparisons with
//! legacy's answer: the candidate's (raw) and legacy's own (noise). A path truly differs when raw does more often than
//! noise: sequential McNemar on the requests where just one of them does, then e-BH over all paths of the candidate.
//! State is bounded and can be merged.

mod fields;

#[cfg(test)]
mod tests;

pub use fields::FieldSummary;

use std::cmp::Ordering;
use std::collections::BTreeSet;

use indexmap::IndexMap;
use serde::Deserialize;
use serde::Serialize;

use crate::analysis::noise::fields::Fields;
use crate::record::ComparisonRecord;
use crate::record::PairedRecord;
use crate::stats::Alternative;
use crate::stats::BetaBinomial;
use crate::stats::e_discoveries;
use crate::stats::share_cs;
use crate::vocab::ModelName;
use crate::vocab::Role;

/// How many paths of one candidate are told apart.
const MOST_PATHS: usize = 1_000;
/// The share of wrong ones that is allowed among the paths that are said to differ; and how unsure "noise" may be.
const ALPHA: f64 = 0.05;
/// How much more often, in requests of all, a candidate may differ at a path that is called noise.
const MARGIN: f64 = 0.1;

/// How often each path differed, by candidate.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Noise {
    candidates: IndexMap<ModelName, Paths>,
}

/// How often each path of one candidate differed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Paths {
    /// Requests in which both comparisons told all of their paths.
    requests: u64,
    /// Requests in which one did not, which count nowhere else.
    truncated: u64,
    /// How often a path differed that is not among those told apart.
    other: u64,
    paths: IndexMap<String, Tally>,
    #[serde(default)]
    fields: Fields,
}

/// Requests in which one path differed, by where it did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Tally {
    only_raw: u64,
    only_noise: u64,
    both: u64,
}

/// What is known of the paths at which one candidate's answers differ from legacy's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PathsSummary {
    /// The candidate.
    pub candidate: ModelName,
    /// Requests in which both the candidate's answer and legacy's second one were held against legacy's first.
    pub requests: u64,
    /// Further ones that differed at more paths than a record tells.
    pub truncated: u64,
    /// How often a path differed beyond the 1,000 that are told apart.
    pub other: u64,
    /// Every field that has something to compare in some of those requests.
    pub fields: Vec<FieldSummary>,
    /// Every path that ever differed: those that truly do first, the surest first.
    pub paths: Vec<PathSummary>,
}

/// What is known of one path.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PathSummary {
    /// A JSON pointer with `*` for any element of an array.
    pub path: String,
    /// The share of requests in which the candidate differed from legacy here.
    pub raw_rate: f64,
    /// The share of requests in which legacy differed from itself here.
    pub noise_rate: f64,
    /// The natural logarithm of the evidence that the former is larger.
    pub log_e: f64,
    /// What that comes to.
    pub verdict: PathVerdict,
}

/// What is known of one path, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PathVerdict {
    /// The candidate differs here more often than legacy does from itself.
    Differs,
    /// Not known yet.
    Open,
    /// Legacy differs from itself here, and the candidate at most ten in a hundred requests more often.
    Noise,
}

impl Noise {
    /// Takes in a pair, where legacy was asked twice.
    pub(super) fn fold(&mut self, record: &PairedRecord) {
        let Some(legacy) = record.arms.first() else { return };
        let is_control = |found: &&ComparisonRecord| found.arm == *legacy && found.role == Role::Control;
        let Some(control) = record.comparison.iter().find(is_control) else { return };
        let noise = Told::of(control);
        for comparison in record.comparison.iter().filter(|found| found.arm != *legacy) {
            let paths = self.candidates.entry(comparison.arm.clone()).or_default();
            paths.fields.fold(comparison, control);
            if let (Some(raw), Some(noise)) = (Told::of(comparison), &noise) {
                paths.fold(&raw, noise);
            }
        }
    }

    /// Adds what was counted elsewhere.
    pub(super) fn merge(&mut self, other: &Self) {
        for (candidate, paths) in &other.candidates {
            self.candidates.entry(candidate.clone()).or_default().merge(paths);
        }
    }

    /// What is known by now, in the order in which candidates were first seen.
    pub(super) fn summary(&self) -> Vec<PathsSummary> {
        let candidates = self.candidates.iter().map(|(candidate, paths)| PathsSummary {
            candidate: candidate.clone(),
            requests: paths.requests,
            truncated: paths.truncated,
            other: paths.other,
            fields: paths.fields.summary(),
            paths: paths.summary(),
        });
        candidates.collect()
    }
}

/// The paths that one comparison told.
struct Told<'r> {
    paths: BTreeSet<&'r str>,
    is_truncated: bool,
}

impl<'r> Told<'r> {
    /// `None`: nobody looked for paths.
    fn of(comparison: &'r ComparisonRecord) -> Option<Self> {
        let paths = comparison.paths.as_ref()?.iter().map(String::as_str).collect();
        Some(Self { paths, is_truncated: comparison.paths_truncated })
    }
}

impl Paths {
    fn fold(&mut self, raw: &Told<'_>, noise: &Told<'_>) {
        if raw.is_truncated || noise.is_truncated {
            // A path that was cut off on one side only would seem to differ on the other alone.
            self.truncated += 1;
            return;
        }
        self.requests += 1;
        for path in raw.paths.union(&noise.paths) {
            let (in_raw, in_noise) = (raw.paths.contains(path), noise.paths.contains(path));
            match self.tally(path) {
                Some(tally) => tally.count(in_raw, in_noise),
                None => self.other += 1,
            }
        }
    }

    /// The tally of a path; `None`: there are too many others.
    fn tally(&mut self, path: &str) -> Option<&mut Tally> {
        if !self.paths.contains_key(path) {
            if self.paths.len() >= MOST_PATHS {
                return None;
            }
            self.paths.insert(path.to_owned(), Tally::default());
        }
        self.paths.get_mut(path)
    }

    fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.truncated += other.truncated;
        self.other += other.other;
        self.fields.merge(&other.fields);
        for (path, theirs) in &other.paths {
            match self.tally(path) {
                Some(tally) => tally.merge(*theirs),
                None => self.other += theirs.only_raw + theirs.only_noise + theirs.both,
            }
        }
    }

    /// The hypotheses are the paths that ever differed: the others have an e-value of 1, and nobody counts them.
    fn summary(&self) -> Vec<PathSummary> {
        let log_es: Vec<f64> = self.paths.values().map(Tally::log_e).collect();
        let es: Vec<f64> = log_es.iter().map(|log_e| log_e.exp()).collect();
        let differs = e_discoveries(&es, ALPHA).unwrap_or_else(|_| vec![false; es.len()]);
        let known = self.paths.iter().zip(log_es).zip(differs);
        let mut paths: Vec<PathSummary> = known
            .map(|(((path, tally), log_e), differs)| PathSummary {
                path: path.clone(),
                raw_rate: self.share(tally.in_raw()),
                noise_rate: self.share(tally.in_noise()),
                log_e,
                verdict: tally.verdict(differs, self.requests),
            })
            .collect();
        paths.sort_by(|one, other| one.verdict.cmp(&other.verdict).then_with(|| surer(one, other)));
        paths
    }

    /// A share of the requests, of which there is at least one where any path is known.
    fn share(&self, requests: u64) -> f64 {
        requests as f64 / self.requests as f64
    }
}

fn surer(one: &PathSummary, other: &PathSummary) -> Ordering {
    other.log_e.total_cmp(&one.log_e).then_with(|| one.path.cmp(&other.path))
}

impl Tally {
    fn count(&mut self, in_raw: bool, in_noise: bool) {
        match (in_raw, in_noise) {
            (true, true) => self.both += 1,
            (true, false) => self.only_raw += 1,
            (false, true) => self.only_noise += 1,
            (false, false) => {}
        }
    }

    fn merge(&mut self, other: Tally) {
        let Tally { only_raw, only_noise, both } = other;
        self.only_raw += only_raw;
        self.only_noise += only_noise;
        self.both += both;
    }

    /// Requests in which the candidate differed from legacy.
    fn in_raw(&self) -> u64 {
        self.only_raw + self.both
    }

    /// Requests in which legacy differed from itself.
    fn in_noise(&self) -> u64 {
        self.only_noise + self.both
    }

    /// `differs`: it is among the discoveries.
    fn verdict(&self, differs: bool, requests: u64) -> PathVerdict {
        match differs {
            true => PathVerdict::Differs,
            false if self.is_noise(requests) => PathVerdict::Noise,
            false => PathVerdict::Open,
        }
    }

    /// The evidence that the candidate differs more often than legacy does from itself.
    fn log_e(&self) -> f64 {
        BetaBinomial::paired(Alternative::Greater).log_e(self.only_raw, self.only_noise)
    }

    /// Says whether legacy differs from itself and the candidate hardly more often: at no time, but with a probability
    /// of [`ALPHA`], is that said where it differs in [`MARGIN`] more of all requests.
    ///
    /// That excess is the rate of requests in which just one differs, times 2p - 1, where p is the candidate's share of
    /// them; each has a confidence sequence at half of the level.
    fn is_noise(&self, requests: u64) -> bool {
        let decided = self.only_raw + self.only_noise;
        let upper = |prior: f64, successes: u64, failures: u64| {
            share_cs(prior, prior, successes, failures, ALPHA / 2.0).map_or(1.0, |range| range.upper)
        };
        let rate = upper(0.5, decided, requests.saturating_sub(decided));
        let share = upper(10.0, self.only_raw, self.only_noise);
        let is_seen = self.in_noise() > 0;
        is_seen && rate * (2.0 * share - 1.0) < MARGIN
    }
}
