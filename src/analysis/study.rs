//! One experiment's figures, folded record by record.

use std::time::Duration;

use indexmap::IndexMap;
use serde::Deserialize;
use serde::Serialize;

use crate::analysis::accord::Accord;
use crate::analysis::accord::Judge;
use crate::analysis::ballot::Ballot;
use crate::analysis::breach::Breaches;
use crate::analysis::join::Case;
use crate::analysis::join::Join;
use crate::analysis::judged::JudgeTally;
use crate::analysis::judged::is_to_be_judged;
use crate::analysis::latency::Frozen;
use crate::analysis::ledger::Ledger;
use crate::analysis::noise::Noise;
use crate::analysis::observe::outcomes_of;
use crate::analysis::pairs::Pairs;
use crate::analysis::quality::Quality;
use crate::analysis::stratum::Strata;
use crate::analysis::stratum::position;
use crate::analysis::tally::ArmTally;
use crate::analysis::track::Track;
use crate::analysis::watch::Watch;
use crate::analysis::watch::watches;
use crate::compare::Agreement;
use crate::policy::Decision;
use crate::policy::Watched;
use crate::record::DesignRecord;
use crate::record::Gap;
use crate::record::LineKind;
use crate::record::LossReason;
use crate::record::OutcomeRecord;
use crate::record::OutcomeValue;
use crate::record::PairedRecord;
use crate::stats::Moments;
use crate::stats::Votes;
use crate::vocab::MetricName;
use crate::vocab::ModelName;
use crate::vocab::OutcomeName;
use crate::vocab::Role;
use crate::vocab::StrategyKind;
use crate::vocab::Timestamp;

/// How long after a policy began its predecessor's requests are taken for stragglers.
const OVERLAP: Duration = Duration::from_secs(1);

/// How many designs of one experiment are remembered, for records that come after them.
const DESIGNS: usize = 16;

/// What is known of one experiment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Study {
    /// What the figures are about; `None` before the first pair.
    pub(super) subject: Option<Subject>,
    /// What makes the evidence in these figures comparable; `None` before the first record.
    identity: Option<String>,
    /// The identity of the figures that these took the place of.
    predecessor: Option<String>,
    /// The designs by the policies that they were part of.
    designs: IndexMap<String, DesignRecord>,
    /// The one that the figures follow at present.
    pub(super) design: Option<DesignRecord>,
    pub(super) watches: Vec<Watch>,
    pub(super) requests: u64,
    pub(super) left_out: LeftOut,
    pub(super) arms: Vec<ArmTally>,
    #[serde(with = "indexmap::map::serde_seq")]
    pub(super) agreement: IndexMap<(ModelName, Role, String), AgreementTally>,
    pub(super) noise: Noise,
    pub(super) strata: Strata,
    /// What each arm spent, over all strata.
    #[serde(default)]
    pub(super) ledgers: Vec<Ledger>,
    /// By candidate.
    pub(super) pairs: Vec<Pairs>,
    pub(super) ballot: Ballot,
    #[serde(with = "indexmap::map::serde_seq")]
    pub(super) outcomes: IndexMap<(OutcomeName, ModelName), OutcomeTally>,
    #[serde(with = "indexmap::map::serde_seq")]
    pub(super) lost: IndexMap<(LineKind, LossReason), u64>,
    /// What counts as slow, by stage.
    #[serde(with = "indexmap::map::serde_seq")]
    pub(super) frozen: IndexMap<Option<u32>, Frozen>,
    pub(super) quality: IndexMap<MetricName, Quality>,
    pub(super) breaches: Breaches,
    /// By judge and version, what it said.
    #[serde(default, with = "indexmap::map::serde_seq")]
    pub(super) judges: IndexMap<Judge, JudgeTally>,
    /// How judges agree with people.
    #[serde(default)]
    pub(super) accord: Accord,
    /// By candidate, how the evidence grew.
    pub(super) tracks: Vec<Track>,
    pub(super) join: Join,
}

/// What the figures are about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Subject {
    pub(super) strategy: StrategyKind,
    pub(super) policy: String,
    pub(super) arms: Vec<ModelName>,
    pub(super) since: Timestamp,
    pub(super) until: Timestamp,
}

/// Requests that do not count in the comparison.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Outside the share of traffic, or without the unit that the policy names.
    pub not_enrolled: u64,
    /// A header forced the arm.
    pub forced: u64,
    /// The client had sent them before.
    pub retries: u64,
}

/// How often a field agreed, and how near its values were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct AgreementTally {
    pub(super) agree: u64,
    pub(super) differ: u64,
    pub(super) missing: u64,
    /// Scores, where its rule measures.
    #[serde(default)]
    pub(super) scores: Moments,
    /// The natural logarithms of ratios of length, where its rule is of lengths.
    #[serde(default)]
    pub(super) log_ratios: Moments,
}

/// Reports of one outcome for one arm.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct OutcomeTally {
    pub(super) reports: u64,
    pub(super) late: u64,
    /// The sum of numbers, or how many were true.
    pub(super) sum: f64,
}

impl Study {
    /// Takes in what the experiment is decided by under one policy.
    pub(super) fn fold_design(&mut self, design: &DesignRecord) {
        if self.designs.len() >= DESIGNS && !self.designs.contains_key(&design.policy) {
            self.designs.shift_remove_index(0);
        }
        self.designs.insert(design.policy.clone(), design.clone());
    }

    /// Takes in a pair and says which answers a metric could be told of by that.
    pub(super) fn fold_pair(&mut self, record: &PairedRecord) -> Vec<Judged> {
        if !self.concerns(record) {
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
        self.noise.fold(record);
        if record.strategy == StrategyKind::Interleave {
            self.ballot.show(record);
        }
        // Shares that follow the outcomes make every stratum's counts depend on the others'.
        let stratum = if self.is_adaptive() { None } else { self.strata.enter(record) };
        let mut judged = Vec::new();
        if let Some(case) = Case::of(record, stratum) {
            self.watch_calls(record, &case);
            self.spend(record, &case);
            let case = self.join.pair(case);
            judged = self.settle(&case, None);
            for (name, value) in &case.outcomes {
                self.watch_outcome(&case, name, value);
            }
            if self.awaits(&case) {
                self.join.wait(case);
            }
        }
        self.track(record.time);
        judged
    }

    /// Takes in an outcome and says which answers a metric could be told of by that.
    pub(super) fn fold_outcome(&mut self, record: &OutcomeRecord) -> Vec<Judged> {
        if !record.enrolled {
            return Vec::new();
        }
        if self.identity.get_or_insert_with(|| record.identity.clone()) != &record.identity {
            // Either its evidence was given up, or it comes before the pair that will begin the figures anew.
            self.join.keep(record);
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
        let Some(case) = self.join.outcome(record) else { return Vec::new() };
        let judged = self.settle(&case, Some(&record.outcome));
        self.watch_outcome(&case, &record.outcome, &record.value);
        if self.awaits(&case) {
            self.join.put_back(case);
        }
        judged
    }

    /// Takes in how many records the log lacks; of crashes, each of which lost nobody knows how many, the crashes count.
    pub(super) fn fold_gap(&mut self, gap: &Gap) {
        let lost = self.lost.entry((gap.of, gap.reason)).or_default();
        *lost = lost.saturating_add(gap.lost.unwrap_or(1));
    }

    /// What the experiment is decided by.
    pub(super) fn decision(&self) -> Decision {
        self.design.as_ref().map_or_else(Decision::default, |design| design.decision.clone())
    }

    /// The votes between legacy and a candidate.
    pub(super) fn votes(&self, candidate: usize) -> Votes {
        self.ballot.votes.get(candidate - 1).copied().unwrap_or_default()
    }

    /// Whether these are the figures of an identity.
    pub(super) fn is_of(&self, identity: &str) -> bool {
        self.identity.as_deref() == Some(identity)
    }

    /// Whether another's evidence can be counted together with this; what has no identity is of any.
    pub(super) fn identity_is(&self, other: &Study) -> bool {
        self.identity.is_none() || other.identity.is_none() || self.identity == other.identity
    }

    /// What is watched under a name.
    pub(super) fn watch_of(&self, watched: &Watched) -> Option<&Watch> {
        self.watches.iter().find(|watch| watch.of == *watched)
    }

    /// Says whether a figure is known only once an outcome was reported.
    pub(super) fn needs_outcome(&self, watched: &Watched) -> bool {
        match watched {
            Watched::Outcome(_) | Watched::CostPerSuccess(_) => true,
            Watched::Metric(name) => {
                let metrics = self.design.iter().flat_map(|design| &design.metrics);
                metrics.into_iter().any(|metric| metric.name == *name && !outcomes_of(metric).is_empty())
            }
            Watched::ErrorRate
            | Watched::LatencyP95
            | Watched::LatencyP99
            | Watched::Time
            | Watched::Cost
            | Watched::TimePerUnit
            | Watched::CostPerUnit => false,
        }
    }

    /// Says whether a declared outcome of a pair has not come yet, or a judge may yet speak.
    pub(super) fn awaits(&self, case: &Case) -> bool {
        self.design.as_ref().is_some_and(|design| {
            design.outcomes.len() > case.outcomes.len() || is_to_be_judged(design, case)
        })
    }

    /// Says whether a pair belongs to these figures. One whose evidence cannot be compared with theirs begins them
    /// anew, unless it is a straggler from before they began.
    fn concerns(&mut self, record: &PairedRecord) -> bool {
        let same = self.identity.as_ref() == Some(&record.identity);
        match &mut self.subject {
            Some(subject) if same => {
                subject.since = subject.since.min(record.time);
                if subject.until <= record.time {
                    subject.until = record.time;
                    if subject.policy != record.policy {
                        subject.policy.clone_from(&record.policy);
                        self.adopt(&record.policy);
                    }
                }
            }
            None if same => self.begin(record),
            Some(subject) if subject.is_before(record, self.predecessor.as_ref()) => return false,
            _ => {
                let join = std::mem::take(&mut self.join).of_unknown_requests();
                let designs = std::mem::take(&mut self.designs);
                *self = Study { predecessor: self.identity.take(), join, designs, ..Study::default() };
                self.begin(record);
            }
        }
        true
    }

    fn begin(&mut self, record: &PairedRecord) {
        let candidates = record.arms.len().saturating_sub(1);
        self.arms = vec![ArmTally::default(); record.arms.len()];
        self.ledgers = vec![Ledger::default(); record.arms.len()];
        self.pairs = vec![Pairs::default(); candidates];
        self.tracks = vec![Track::default(); candidates];
        self.identity = Some(record.identity.clone());
        self.subject = Some(Subject {
            strategy: record.strategy,
            policy: record.policy.clone(),
            arms: record.arms.clone(),
            since: record.time,
            until: record.time,
        });
        self.adopt(&record.policy);
    }

    /// Follows the design of a policy. Figures of a metric that is defined otherwise now begin anew.
    fn adopt(&mut self, policy: &str) {
        let Some(design) = self.designs.get(policy).cloned() else { return };
        for metric in &design.metrics {
            let before =
                self.design.iter().flat_map(|design| &design.metrics).find(|old| old.name == metric.name);
            if before.is_some_and(|before| before == metric) {
                continue;
            }
            let watched = Watched::Metric(metric.name.clone());
            self.quality.insert(metric.name.clone(), Quality::of(metric.measure.clone()));
            self.strata.forget(&watched);
            self.pairs.iter_mut().for_each(|pairs| pairs.forget(&watched));
        }
        self.quality.retain(|name, _| design.metrics.iter().any(|metric| metric.name == *name));
        self.watches = watches(&design);
        self.design = Some(design);
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
                // What is not finite, which only a damaged log has, counts nowhere.
                let _ = comparison.scores.get(field).map(|score| tally.scores.add(*score));
                let _ = comparison.ratios.get(field).map(|ratio| tally.log_ratios.add(ratio.ln()));
            }
        }
    }
}

/// One answer that was held against the truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) metric: MetricName,
    pub(super) arm: ModelName,
    pub(super) role: Role,
    pub(super) right: bool,
}

impl Subject {
    /// Says whether a request of another identity is from before these figures began. A request takes its policy a
    /// moment before its time is noted, so one of the predecessor's may seem to be a moment younger.
    fn is_before(&self, record: &PairedRecord, predecessor: Option<&String>) -> bool {
        let overlaps = record.time.since(self.since) < OVERLAP && predecessor == Some(&record.identity);
        record.time < self.since || overlaps
    }
}
