//! Which fields of a candidate's answers differ more from legacy's than legacy's second answer does, and by how much their
//! scores are apart: a model that draws its words says nothing twice in the same way.
//!
//! Only requests count whose answers all have something to compare in that field.

use indexmap::IndexMap;
use serde::Deserialize;
use serde::Serialize;

use crate::analysis::noise::ALPHA;
use crate::analysis::noise::PathVerdict;
use crate::analysis::noise::Tally;
use crate::compare::Agreement;
use crate::record::ComparisonRecord;
use crate::stats::EmpiricalBernstein;
use crate::stats::Interval;
use crate::stats::Moments;
use crate::stats::e_discoveries;

/// The fields of one candidate.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Fields(IndexMap<String, FieldTally>);

/// One field.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct FieldTally {
    requests: u64,
    tally: Tally,
    /// Scores of the candidate's answer and of legacy's second one, where both have one.
    raw: Moments,
    noise: Moments,
    /// The differences of those from 0 to 1; one for each gateway, for what they say depends on their order.
    differences: Vec<EmpiricalBernstein>,
    /// A score lay outside of that.
    is_unbounded: bool,
}

/// What is known of one field of a candidate's answers, held against how much legacy differs from itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FieldSummary {
    /// The field.
    pub field: String,
    /// Requests in which both comparisons found something to compare.
    pub requests: u64,
    /// The share of them in which the candidate differed from legacy.
    pub raw_rate: f64,
    /// The share of them in which legacy differed from itself.
    pub noise_rate: f64,
    /// The mean score of the candidate's answers, where the rule measures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw_score: Option<f64>,
    /// The mean score of legacy's second answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise_score: Option<f64>,
    /// Where the mean of the former less the latter lies, at 95 % on all looks together; of scores from 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score_difference: Option<Interval>,
    /// The natural logarithm of the evidence that the candidate differs more often.
    pub log_e: f64,
    /// What that comes to.
    pub verdict: PathVerdict,
}

impl Fields {
    /// Takes in how the candidate's answer and legacy's second one compare with legacy's first.
    pub(super) fn fold(&mut self, raw: &ComparisonRecord, noise: &ComparisonRecord) {
        for (field, own) in &raw.fields {
            let agreements = (own, noise.fields.get(field).unwrap_or(&Agreement::Missing));
            let (Some(in_raw), Some(in_noise)) = (differs(agreements.0), differs(agreements.1)) else {
                continue;
            };
            let tally = self.0.entry(field.clone()).or_default();
            tally.requests += 1;
            tally.tally.count(in_raw, in_noise);
            if let Some((raw, noise)) = raw.scores.get(field).zip(noise.scores.get(field)) {
                tally.score(*raw, *noise);
            }
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (field, theirs) in &other.0 {
            self.0.entry(field.clone()).or_default().merge(theirs);
        }
    }

    /// What is known, in the order in which fields were first seen.
    pub(super) fn summary(&self) -> Vec<FieldSummary> {
        let log_es: Vec<f64> = self.0.values().map(|field| field.tally.log_e()).collect();
        let es: Vec<f64> = log_es.iter().map(|log_e| log_e.exp()).collect();
        let differs = e_discoveries(&es, ALPHA).unwrap_or_else(|_| vec![false; es.len()]);
        let known = self.0.iter().zip(log_es).zip(differs);
        known.map(|(((name, field), log_e), differs)| field.summary(name, log_e, differs)).collect()
    }
}

/// Whether a field differs; `None`: there is nothing to compare.
fn differs(agreement: &Agreement) -> Option<bool> {
    (*agreement != Agreement::Missing).then_some(*agreement == Agreement::Differ)
}

impl FieldTally {
    fn score(&mut self, raw: f64, noise: f64) {
        // What is not finite, which only a damaged log has, counts nowhere.
        if self.raw.add(raw).is_err() || self.noise.add(noise).is_err() {
            return;
        }
        let in_range = |score: f64| (0.0..=1.0).contains(&score);
        self.is_unbounded |= !in_range(raw) || !in_range(noise);
        if self.is_unbounded {
            return self.differences.clear();
        }
        if self.differences.is_empty() {
            self.differences.extend(EmpiricalBernstein::new(-1.0, 1.0, ALPHA, 0.5));
        }
        let _ = self.differences.first_mut().map(|differences| differences.add(raw - noise));
    }

    fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.tally.merge(other.tally);
        self.raw.merge(&other.raw);
        self.noise.merge(&other.noise);
        self.is_unbounded |= other.is_unbounded;
        self.differences.extend(other.differences.iter().copied());
        if self.is_unbounded {
            self.differences.clear();
        }
    }

    fn summary(&self, name: &str, log_e: f64, differs: bool) -> FieldSummary {
        let share = |requests: u64| requests as f64 / self.requests as f64;
        FieldSummary {
            field: name.to_owned(),
            requests: self.requests,
            raw_rate: share(self.tally.in_raw()),
            noise_rate: share(self.tally.in_noise()),
            raw_score: self.raw.mean().ok(),
            noise_score: self.noise.mean().ok(),
            score_difference: self.score_difference(),
            log_e,
            verdict: self.tally.verdict(differs, self.requests),
        }
    }

    fn score_difference(&self) -> Option<Interval> {
        // Of several gateways each has its part of the chance of error.
        let ends = self.differences.iter().filter_map(|part| part.running().ok());
        let both = ends.reduce(|one, other| Interval {
            lower: one.lower.max(other.lower),
            upper: one.upper.min(other.upper),
        });
        both.filter(|both| both.lower <= both.upper)
    }
}
