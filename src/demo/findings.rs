//! From what the gateway's analysis knows of an experiment to a chapter of the demo's summary.
//!
//! Figures are picked and added here, never made: accuracy and latency are those of the calls that the experiment
//! weighs, answers to users and a shadow's copies; cost is that of all calls.

use std::time::Duration;

use crate::analysis::ArmSummary;
use crate::analysis::CallSummary;
use crate::analysis::ExperimentSummary;
use crate::analysis::Standing;
use crate::cost::Money;
use crate::demo::DemoError;
use crate::demo::summary::Arm;
use crate::demo::summary::Chapter;
use crate::demo::summary::Ratio;
use crate::demo::traffic::Counts;
use crate::record::LineKind;
use crate::record::LossReason;
use crate::vocab::ModelName;
use crate::vocab::Role;

/// Tells what an experiment found.
pub(super) fn chapter(found: &ExperimentSummary, counts: &Counts) -> Chapter {
    Chapter {
        strategy: found.strategy,
        answered: counts.answered(),
        failed: counts.failed(),
        outcomes: counts.reported(),
        problem: counts.first_problem().map(str::to_owned),
        arms: found.arms.iter().map(|one| arm(found, one)).collect(),
        shares: shares(found),
        agreement: agreement(found, |role| role != Role::Control),
        repeated: agreement(found, |role| role == Role::Control),
        winner: winner(found),
        reason: found.sentence.clone(),
        verdict: found.verdicts.first().map(|verdict| (verdict.state, verdict.reasons.join(", and "))),
    }
}

/// The better model, if it is known by now.
pub(super) fn winner(found: &ExperimentSummary) -> Option<String> {
    match &found.standing {
        Standing::Candidate(name) => Some(name.to_string()),
        Standing::Legacy => Some(found.arms[0].arm.to_string()),
        Standing::Undecided { .. } => None,
    }
}

/// Says whether the analysis has seen everything that users saw.
pub(super) fn is_whole(found: &ExperimentSummary, counts: &Counts) -> bool {
    requests(found) >= counts.answered() && reports(found) >= counts.reported()
}

/// Tells what is missing.
pub(super) fn unaccounted(
    experiment: &'static str,
    found: Option<&ExperimentSummary>,
    counts: &Counts,
) -> DemoError {
    let problem = counts.first_problem().unwrap_or("CROSSFADE_LOG=info shows what the gateway does");
    DemoError::Unaccounted {
        experiment,
        answered: counts.answered(),
        requests: found.map_or(0, requests),
        reported: counts.reported(),
        reports: found.map_or(0, reports),
        problem: problem.to_owned(),
    }
}

fn requests(found: &ExperimentSummary) -> u64 {
    // What only the disk lost was seen; what the queue had no room for was not.
    let unseen =
        found.lost.iter().filter(|loss| (loss.of, loss.reason) == (LineKind::Pair, LossReason::Queue));
    found.requests + unseen.map(|loss| loss.lost).sum::<u64>()
}

fn reports(found: &ExperimentSummary) -> u64 {
    found.outcomes.iter().map(|outcome| outcome.reports + outcome.late).sum()
}

fn arm(found: &ExperimentSummary, summary: &ArmSummary) -> Arm {
    let ArmSummary { arm, calls, .. } = summary;
    let requests = |copies: bool| -> u64 {
        calls.iter().filter(|call| call.role.is_copy() == copies).map(|call| call.requests).sum()
    };
    let weighed = calls.iter().find(|call| is_weighed(call.role));
    let quantile = |of: fn(&CallSummary) -> Option<f64>| {
        weighed.and_then(of).map(|milliseconds| Duration::from_secs_f64(milliseconds / 1_000.0))
    };
    Arm {
        name: arm.to_string(),
        answers: requests(false),
        copies: requests(true),
        right: right(found, arm),
        users_won: users_won(found, summary),
        p50: quantile(|call| call.total_ms.p50),
        p95: quantile(|call| call.total_ms.p95),
        cost: cost(calls),
    }
}

/// How many answers of an arm's that the experiment weighs were right.
fn right(found: &ExperimentSummary, arm: &ModelName) -> Option<Ratio> {
    let metric = found.metrics.first()?;
    let call = metric.calls.iter().find(|call| call.arm == *arm && is_weighed(call.role))?;
    let right = call.value? * call.examples as f64;
    Ratio::of(right.round() as u64, call.examples)
}

/// Says whether calls for this purpose are what the experiment compares its arms by.
pub(super) fn is_weighed(role: Role) -> bool {
    matches!(role, Role::Answer | Role::Shadow | Role::Interleaved)
}

fn users_won(found: &ExperimentSummary, summary: &ArmSummary) -> Option<u64> {
    let votes = &found.interleaving.as_ref()?.votes;
    let own = votes.iter().find(|votes| votes.candidate == summary.arm);
    own.map(|votes| votes.for_candidate).or_else(|| votes.first().map(|votes| votes.for_legacy))
}

/// What all calls cost; the demo's policy has one currency.
pub(super) fn cost(calls: &[CallSummary]) -> Option<(Money, String)> {
    let (currency, _) = calls.iter().find_map(|call| call.cost.first_key_value())?;
    let amounts = calls.iter().filter_map(|call| call.cost.get(currency)).copied();
    Some((amounts.sum(), currency.clone()))
}

/// The candidate's share of the users in each stage of a ramp.
fn shares(found: &ExperimentSummary) -> Vec<f64> {
    let ramp = found.stages.iter().filter(|stage| stage.stage.is_some());
    ramp.filter_map(|stage| stage.arms.get(1)).map(|candidate| candidate.propensity).collect()
}

/// How often the answers of these calls agreed with legacy's; lists are mixed, not compared.
pub(super) fn agreement(found: &ExperimentSummary, of: fn(Role) -> bool) -> Option<Ratio> {
    let of = |role| of(role) && role != Role::Interleaved;
    let fields = || found.agreement.iter().filter(|field| of(field.role));
    let agree = fields().map(|field| field.agree).sum();
    Ratio::of(agree, fields().map(|field| field.agree + field.differ + field.missing).sum())
}
