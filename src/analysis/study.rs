//! One experiment's figures, folded record by record.

use std::collections::BTreeMap;
use std::time::Duration;

use indexmap::IndexMap;

use crate::analysis::ballot::Ballot;
use crate::analysis::labels::Judged;
use crate::analysis::labels::LabelRule;
use crate::analysis::labels::Labelled;
use crate::analysis::labels::Labels;
use crate::analysis::stratum::Strata;
use crate::analysis::stratum::position;
use crate::analysis::tally::ArmTally;
use crate::compare::Agreement;
use crate::record::DesignRecord;
use crate::record::Gap;
use crate::record::LineKind;
use crate::record::LossReason;
use crate::record::OutcomeRecord;
use crate::record::OutcomeValue;
use crate::record::PairedRecord;
use crate::stats::Votes;
use crate::vocab::ModelName;
use crate::vocab::OutcomeName;
use crate::vocab::Role;
use crate::vocab::StrategyKind;
use crate::vocab::Timestamp;

/// How long after a policy began its predecessor's requests are taken for stragglers.
const OVERLAP: Duration = Duration::from_secs(1);

/// What is known of one experiment.
#[derive(Debug, Default)]
pub(super) struct Study {
    /// What the figures are about; `None` before the first pair.
    pub(super) subject: Option<Subject>,
    /// What makes the evidence in these figures comparable; `None` before the first record.
    identity: Option<String>,
    /// The identity of the figures that these took the place of.
    predecessor: Option<String>,
    pub(super) requests: u64,
    pub(super) left_out: LeftOut,
    pub(super) arms: Vec<ArmTally>,
    pub(super) agreement: IndexMap<(ModelName, Role, String), AgreementTally>,
    pub(super) strata: Strata,
    pub(super) paired: Vec<PairedTally>,
    pub(super) ballot: Ballot,
    pub(super) outcomes: BTreeMap<(OutcomeName, ModelName), OutcomeTally>,
    pub(super) lost: BTreeMap<(LineKind, LossReason), u64>,
    labels: Labels,
    /// How answers are held against labels, by policy.
    rules: IndexMap<String, Option<LabelRule>>,
}

/// What the figures are about.
#[derive(Debug, Clone)]
pub(super) struct Subject {
    pub(super) strategy: StrategyKind,
    pub(super) policy: String,
    pub(super) arms: Vec<ModelName>,
    pub(super) truth: Option<OutcomeName>,
    pub(super) since: Timestamp,
    pub(super) until: Timestamp,
}

/// Requests that do not count in the comparison.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct LeftOut {
    /// Outside the share of traffic, or without the unit that the policy names.
    pub not_enrolled: u64,
    /// A header forced the arm.
    pub forced: u64,
    /// The client had sent them before.
    pub retries: u64,
}

/// How often a field agreed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct AgreementTally {
    pub(super) agree: u64,
    pub(super) differ: u64,
    pub(super) missing: u64,
}

/// Requests to which both legacy and a candidate gave an answer that was held against a label.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct PairedTally {
    pub(super) both_right: u64,
    pub(super) both_wrong: u64,
    pub(super) only_candidate_right: u64,
    pub(super) only_legacy_right: u64,
}

/// Reports of one outcome for one arm.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct OutcomeTally {
    pub(super) reports: u64,
    pub(super) late: u64,
    /// The sum of numbers, or how many were true.
    pub(super) sum: f64,
}

impl Study {
    /// Takes in what the experiment is under a policy.
    pub(super) fn fold_design(&mut self, design: &DesignRecord) {
        self.rules.insert(design.policy.clone(), LabelRule::of(design));
    }

    /// Takes in a pair and says which answers could be held against their label by that.
    pub(super) fn fold_pair(&mut self, record: &PairedRecord) -> Vec<Judged> {
        let rule = self.rules.get(&record.policy).cloned().flatten();
        if !self.concerns(record, rule.as_ref()) {
            return Vec::new();
        }
        self.requests += 1;
        self.count_draw(record);
        if !record.counts() {
            return Vec::new();
        }
        for seen in &record.observations {
            if let Some(arm) = self.arm(record, &seen.arm) {
                arm.call(seen.role).add(seen);
            }
        }
        self.compare(record);
        if record.strategy == StrategyKind::Interleave {
            self.ballot.show(record);
        }
        let stratum = self.strata.enter(record);
        let labelled = rule.and_then(|rule| self.labels.pair(record, &rule, stratum));
        labelled.map_or_else(Vec::new, |labelled| self.judge(labelled))
    }

    /// Takes in an outcome and says which answers could be held against it.
    pub(super) fn fold_outcome(&mut self, record: &OutcomeRecord) -> Vec<Judged> {
        if !record.enrolled {
            return Vec::new();
        }
        if self.identity.get_or_insert_with(|| record.identity.clone()) != &record.identity {
            // Either its evidence was given up, or it comes before the pair that will begin the figures anew.
            self.labels.keep(record);
            return Vec::new();
        }
        let tally = self.outcomes.entry((record.outcome.clone(), record.arm.clone())).or_default();
        if record.late {
            tally.late += 1;
            return Vec::new();
        }
        tally.reports += 1;
        tally.sum += match &record.value {
            OutcomeValue::Binary(truth) => f64::from(u8::from(*truth)),
            OutcomeValue::Number(number) => *number,
            OutcomeValue::Click { .. } | OutcomeValue::Label(_) | OutcomeValue::Json(_) => 0.0,
        };
        self.ballot.click(record);
        let labelled = self.labels.outcome(record);
        labelled.map_or_else(Vec::new, |labelled| self.judge(labelled))
    }

    /// Takes in how many records the log lacks.
    pub(super) fn fold_gap(&mut self, gap: &Gap) {
        let lost = self.lost.entry((gap.of, gap.reason)).or_default();
        *lost = lost.saturating_add(gap.lost);
    }

    /// The votes between legacy and a candidate.
    pub(super) fn votes(&self, candidate: usize) -> Votes {
        self.ballot.votes.get(candidate - 1).copied().unwrap_or_default()
    }

    /// Says whether a pair belongs to these figures. One whose evidence cannot be compared with theirs begins them
    /// anew, unless it is a straggler from before they began.
    fn concerns(&mut self, record: &PairedRecord, rule: Option<&LabelRule>) -> bool {
        let truth = rule.map(|rule| rule.truth.clone());
        let same = self.identity.as_ref() == Some(&record.identity);
        match &mut self.subject {
            Some(subject) if same => {
                subject.since = subject.since.min(record.time);
                if subject.until <= record.time {
                    subject.until = record.time;
                    subject.policy.clone_from(&record.policy);
                    subject.truth = truth;
                }
            }
            None if same => self.begin(record, truth),
            Some(subject) if subject.is_before(record, self.predecessor.as_ref()) => return false,
            _ => {
                let labels = std::mem::take(&mut self.labels).of_unknown_requests();
                let rules = std::mem::take(&mut self.rules);
                *self = Study { predecessor: self.identity.take(), labels, rules, ..Study::default() };
                self.begin(record, truth);
            }
        }
        true
    }

    fn begin(&mut self, record: &PairedRecord, truth: Option<OutcomeName>) {
        self.arms = vec![ArmTally::default(); record.arms.len()];
        self.paired = vec![PairedTally::default(); record.arms.len().saturating_sub(1)];
        self.identity = Some(record.identity.clone());
        self.subject = Some(Subject {
            strategy: record.strategy,
            policy: record.policy.clone(),
            arms: record.arms.clone(),
            truth,
            since: record.time,
            until: record.time,
        });
    }

    fn count_draw(&mut self, record: &PairedRecord) {
        let LeftOut { not_enrolled, forced, retries } = &mut self.left_out;
        match record {
            PairedRecord { forced: true, .. } => *forced += 1,
            PairedRecord { enrolled: false, .. } => *not_enrolled += 1,
            PairedRecord { retry: true, .. } => *retries += 1,
            _ => {}
        }
        if let Some(arm) = self.arm(record, &record.assigned) {
            arm.assigned += 1;
            arm.enrolled += u64::from(record.counts());
        }
    }

    /// The figures of an arm; `None`: the record does not know it, or a damaged log has more arms than before.
    fn arm(&mut self, record: &PairedRecord, name: &ModelName) -> Option<&mut ArmTally> {
        self.arms.get_mut(position(&record.arms, name)?)
    }

    fn compare(&mut self, record: &PairedRecord) {
        for comparison in &record.comparison {
            for (field, agreement) in &comparison.fields {
                let key = (comparison.arm.clone(), comparison.role, field.clone());
                let tally = self.agreement.entry(key).or_default();
                *match agreement {
                    Agreement::Agree => &mut tally.agree,
                    Agreement::Differ => &mut tally.differ,
                    Agreement::Missing => &mut tally.missing,
                } += 1;
            }
        }
    }

    /// Counts a request whose label is known.
    fn judge(&mut self, labelled: Labelled) -> Vec<Judged> {
        let Some(Subject { arms, .. }) = &self.subject else { return Vec::new() };
        for judged in &labelled.judged {
            if let Some(arm) = position(arms, &judged.arm) {
                self.arms[arm].call(judged.role).judge(judged.right);
            }
        }
        let assigned = position(arms, &labelled.predicted.assigned);
        if let (Some(stratum), Some(arm), Some(right)) =
            (labelled.predicted.stratum, assigned, labelled.served())
        {
            self.strata.judge(stratum, arm, labelled.predicted.unit.as_deref(), right);
        }
        let Some((legacy, candidates)) = arms.split_first() else { return Vec::new() };
        for (candidate, tally) in candidates.iter().zip(&mut self.paired) {
            if let Some(verdicts) = labelled.verdict(candidate).zip(labelled.verdict(legacy)) {
                tally.count(verdicts);
            }
        }
        labelled.judged
    }
}

impl Subject {
    /// Says whether a request of another identity is from before these figures began. A request takes its policy a
    /// moment before its time is noted, so one of the predecessor's may seem to be a moment younger.
    fn is_before(&self, record: &PairedRecord, predecessor: Option<&String>) -> bool {
        let overlaps = record.time.since(self.since) < OVERLAP && predecessor == Some(&record.identity);
        record.time < self.since || overlaps
    }
}

impl PairedTally {
    fn count(&mut self, (candidate, legacy): (bool, bool)) {
        *match (candidate, legacy) {
            (true, true) => &mut self.both_right,
            (false, false) => &mut self.both_wrong,
            (true, false) => &mut self.only_candidate_right,
            (false, true) => &mut self.only_legacy_right,
        } += 1;
    }
}
