//! The figures of one experiment for whoever asks: the admin API, the demo, reports.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::analysis::effect::Figure;
use crate::analysis::effect::effect;
use crate::analysis::figures::EffectSummary;
use crate::analysis::histogram::Bar;
use crate::analysis::histogram::Histogram;
use crate::analysis::judged::JudgeSummary;
use crate::analysis::measured::MetricSummary;
use crate::analysis::noise::PathsSummary;
use crate::analysis::sentence::watched_name;
use crate::analysis::spending::SpendingSummary;
use crate::analysis::stages::StageSummary;
use crate::analysis::standing::Standing;
use crate::analysis::standing::standing;
use crate::analysis::study::LeftOut;
use crate::analysis::study::Study;
use crate::analysis::study::Subject;
use crate::analysis::tally::CallTally;
use crate::analysis::track::Look;
use crate::analysis::verdict::Verdict;
use crate::analysis::verdict::verdict;
use crate::cost::Money;
use crate::protocol::Usage;
use crate::record::LineKind;
use crate::record::LossReason;
use crate::stats::Votes;
use crate::vocab::ExperimentName;
use crate::vocab::ModelName;
use crate::vocab::OutcomeName;
use crate::vocab::Role;
use crate::vocab::StrategyKind;
use crate::vocab::Timestamp;

/// What is known of one experiment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExperimentSummary {
    /// The experiment.
    pub experiment: ExperimentName,
    /// How it treats its requests.
    pub strategy: StrategyKind,
    /// The policy that the latest request was served under.
    pub policy: String,
    /// The first request that these figures hold.
    pub since: Timestamp,
    /// The last.
    pub until: Timestamp,
    /// Who is better, as far as is known.
    pub standing: Standing,
    /// The same in one sentence, with its figures.
    pub sentence: String,
    /// What to do about each candidate.
    pub verdicts: Vec<Verdict>,
    /// How far each candidate is from legacy on every watched figure.
    pub effects: Vec<EffectSummary>,
    /// How well each arm's answers did, by metric.
    pub metrics: Vec<MetricSummary>,
    /// All requests of the experiment.
    pub requests: u64,
    /// Those that do not count in anything below but `assigned`.
    pub left_out: LeftOut,
    /// What the log lacks; live figures have seen what only the disk lost.
    pub lost: Vec<LossSummary>,
    /// The arms, legacy first.
    pub arms: Vec<ArmSummary>,
    /// What each arm's units and successes took and cost; not under interleaving.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub spending: Vec<SpendingSummary>,
    /// How often each compared field agreed with legacy's.
    pub agreement: Vec<AgreementSummary>,
    /// At which paths answers truly differ, by candidate; where legacy was asked twice.
    pub paths: Vec<PathsSummary>,
    /// For each candidate, pairs by on which side an event happened.
    pub paired: Vec<PairedSummary>,
    /// Draws and events by stage and weights; only canary and A/B.
    pub stages: Vec<StageSummary>,
    /// Lists, clicks and votes; only interleaving.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interleaving: Option<InterleavingSummary>,
    /// Reports of outcomes by arm.
    pub outcomes: Vec<OutcomeSummary>,
    /// How each judge judged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub judges: Vec<JudgeSummary>,
    /// How the leading effect of each candidate grew.
    pub tracks: Vec<TrackSummary>,
}

/// How the leading effect of one candidate grew.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrackSummary {
    /// The candidate.
    pub candidate: ModelName,
    /// The looks, in their order.
    pub looks: Vec<Look>,
}

/// One arm.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ArmSummary {
    /// Its name.
    pub arm: ModelName,
    /// Requests that were assigned to it.
    pub assigned: u64,
    /// Those of them that count.
    pub enrolled: u64,
    /// Its calls by what they were for.
    pub calls: Vec<CallSummary>,
}

/// An arm's calls for one purpose.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CallSummary {
    /// What they were for.
    pub role: Role,
    /// How many.
    pub requests: u64,
    /// How many failed: 5xx, 429, no connection, timeout, broken off.
    pub errors: u64,
    /// How many the client cut short.
    pub cancelled: u64,
    /// To the last byte.
    pub total_ms: Quantiles,
    /// The same, for plots.
    pub total_bars: Vec<Bar>,
    /// To the first byte of the body.
    pub first_byte_ms: Quantiles,
    /// What the answers say they used.
    pub tokens: Usage,
    /// What they cost, by currency.
    pub cost: BTreeMap<String, Money>,
}

/// Quantiles in milliseconds, each within 1 %; missing where there is nothing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Quantiles {
    /// The median.
    pub p50: Option<f64>,
    /// 95 %.
    pub p95: Option<f64>,
    /// 99 %.
    pub p99: Option<f64>,
}

/// How often one field of one arm's answers agreed with legacy's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgreementSummary {
    /// The arm; legacy itself for its control calls.
    pub arm: ModelName,
    /// What its calls were for.
    pub role: Role,
    /// The field.
    pub field: String,
    /// Within the rule.
    pub agree: u64,
    /// Outside the rule.
    pub differ: u64,
    /// Not there on one side or both.
    pub missing: u64,
    /// The mean of the scores, where its rule measures: how far apart or how alike values are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// The geometric mean of how many times as long as legacy's the answers are, where its rule is of lengths; how many lie
    /// within the bound, `agree` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
}

/// Requests that both a candidate and legacy answered, by on which side an event happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PairedSummary {
    /// The candidate.
    pub candidate: ModelName,
    /// The figure; of a metric the event is a wrong answer.
    pub figure: String,
    /// On both.
    pub both: u64,
    /// On none.
    pub neither: u64,
    /// Only at the candidate.
    pub only_candidate: u64,
    /// Only at legacy.
    pub only_legacy: u64,
}

/// Lists, clicks and votes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InterleavingSummary {
    /// Mixed lists that were shown.
    pub impressions: u64,
    /// Those of them on which all arms offered the same.
    pub no_contrast: u64,
    /// Lists that should have been mixed and were not.
    pub degraded: u64,
    /// Clicks that credit an arm or nobody.
    pub clicks: u64,
    /// Clicks of users without a name, who have no vote.
    pub without_unit: u64,
    /// The votes by candidate.
    pub votes: Vec<VoteSummary>,
    /// What clicks earned each arm, legacy first.
    pub earned: Vec<f64>,
}

/// Users who prefer a side; each has one vote for each candidate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VoteSummary {
    /// The candidate.
    pub candidate: ModelName,
    /// Users who prefer it.
    pub for_candidate: u64,
    /// Users who prefer legacy.
    pub for_legacy: u64,
}

/// Reports of one outcome for one arm.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OutcomeSummary {
    /// The outcome.
    pub outcome: OutcomeName,
    /// The arm that the requests were assigned to.
    pub arm: ModelName,
    /// Reports in time.
    pub reports: u64,
    /// Reports after the window, which count nowhere.
    pub late: u64,
    /// The sum of numbers, or how many were true.
    pub sum: f64,
}

/// Records that the log lacks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LossSummary {
    /// What they were.
    pub of: LineKind,
    /// Why.
    pub reason: LossReason,
    /// How many; by reason of `crash`: how many crashes there were, each of which lost nobody knows how many.
    pub lost: u64,
}

impl Study {
    /// The figures; `None` before the first pair.
    pub(super) fn summary(&self, experiment: &ExperimentName) -> Option<ExperimentSummary> {
        let subject = self.subject.as_ref()?;
        let (standing, sentence) = standing(self, subject);
        let candidates = 1..subject.arms.len();
        Some(ExperimentSummary {
            experiment: experiment.clone(),
            strategy: subject.strategy,
            policy: subject.policy.clone(),
            since: subject.since,
            until: subject.until,
            standing,
            sentence,
            verdicts: candidates.clone().map(|candidate| verdict(self, subject, candidate)).collect(),
            effects: candidates.flat_map(|candidate| self.effects(subject, candidate)).collect(),
            metrics: self.metric_summaries(subject),
            judges: self.judge_summaries(),
            requests: self.requests,
            left_out: self.left_out,
            lost: self.losses(),
            arms: self.arm_summaries(subject),
            spending: self.spending(subject),
            agreement: self.agreements(),
            paths: self.noise.summary(),
            paired: self.pairs(subject),
            stages: self.stage_summaries(subject),
            interleaving: (subject.strategy == StrategyKind::Interleave).then(|| self.interleaving(subject)),
            outcomes: self.outcome_summaries(),
            tracks: self.track_summaries(subject),
        })
    }

    fn losses(&self) -> Vec<LossSummary> {
        let loss = |(&(of, reason), &lost)| LossSummary { of, reason, lost };
        self.lost.iter().map(loss).collect()
    }

    fn arm_summaries(&self, subject: &Subject) -> Vec<ArmSummary> {
        let arms = subject.arms.iter().zip(&self.arms).map(|(name, tally)| ArmSummary {
            arm: name.clone(),
            assigned: tally.assigned,
            enrolled: tally.enrolled,
            calls: Role::ALL
                .into_iter()
                .zip(&tally.calls)
                .filter(|(_, call)| call.requests > 0)
                .map(|(role, call)| call_summary(role, call))
                .collect(),
        });
        arms.collect()
    }

    fn agreements(&self) -> Vec<AgreementSummary> {
        let fields = self.agreement.iter().map(|((arm, role, field), tally)| AgreementSummary {
            arm: arm.clone(),
            role: *role,
            field: field.clone(),
            agree: tally.agree,
            differ: tally.differ,
            missing: tally.missing,
            score: tally.scores.mean().ok(),
            ratio: tally.log_ratios.mean().ok().map(f64::exp),
        });
        fields.collect()
    }

    fn effects(&self, subject: &Subject, candidate: usize) -> Vec<EffectSummary> {
        let alpha = self.decision().alpha / (subject.arms.len() - 1) as f64;
        let votes = (subject.strategy == StrategyKind::Interleave).then_some(Figure::Votes);
        let figures = votes.into_iter().chain(self.watches.iter().map(Figure::Watched));
        let one = |figure: Figure<'_>| {
            EffectSummary::of(&figure, &effect(self, candidate, &figure, alpha), subject, candidate)
        };
        figures.map(one).collect()
    }

    fn pairs(&self, subject: &Subject) -> Vec<PairedSummary> {
        let candidates = subject.arms.iter().skip(1).zip(&self.pairs);
        let pairs = candidates.flat_map(|(candidate, pairs)| {
            self.watches.iter().filter_map(|watch| {
                let found = pairs.events(&watch.of)?;
                Some(PairedSummary {
                    candidate: candidate.clone(),
                    figure: watched_name(&watch.of),
                    both: found.both,
                    neither: found.neither,
                    only_candidate: found.only_candidate,
                    only_legacy: found.only_legacy,
                })
            })
        });
        pairs.collect()
    }

    fn track_summaries(&self, subject: &Subject) -> Vec<TrackSummary> {
        let tracks = subject.arms.iter().skip(1).zip(&self.tracks);
        tracks
            .map(|(candidate, track)| TrackSummary {
                candidate: candidate.clone(),
                looks: track.looks.clone(),
            })
            .collect()
    }

    fn interleaving(&self, subject: &Subject) -> InterleavingSummary {
        let votes = subject.arms.iter().enumerate().skip(1).map(|(place, candidate)| {
            let Votes { wins, losses, .. } = self.votes(place);
            VoteSummary { candidate: candidate.clone(), for_candidate: wins, for_legacy: losses }
        });
        let ballot = &self.ballot;
        InterleavingSummary {
            impressions: ballot.impressions,
            no_contrast: ballot.no_contrast,
            degraded: ballot.degraded,
            clicks: ballot.clicks,
            without_unit: ballot.without_unit,
            votes: votes.collect(),
            earned: ballot.earned.clone(),
        }
    }

    fn outcome_summaries(&self) -> Vec<OutcomeSummary> {
        let outcomes = self.outcomes.iter().map(|((outcome, arm), tally)| OutcomeSummary {
            outcome: outcome.clone(),
            arm: arm.clone(),
            reports: tally.reports,
            late: tally.late,
            sum: tally.sum,
        });
        outcomes.collect()
    }
}

fn call_summary(role: Role, call: &CallTally) -> CallSummary {
    CallSummary {
        role,
        requests: call.requests,
        errors: call.errors,
        cancelled: call.cancelled,
        total_ms: Quantiles::of(&call.total),
        total_bars: call.total.bars(),
        first_byte_ms: Quantiles::of(&call.first_byte),
        tokens: call.tokens,
        cost: call.cost.clone(),
    }
}

impl Quantiles {
    fn of(histogram: &Histogram) -> Self {
        Self { p50: histogram.quantile(0.5), p95: histogram.quantile(0.95), p99: histogram.quantile(0.99) }
    }
}
