//! From what the analysis knows of an experiment to what the chat demo's page tells about it.

use std::time::Duration;

use crate::analysis::ArmSummary;
use crate::analysis::ExperimentSummary;
use crate::analysis::JudgeSummary;
use crate::demo::chat::summary::Arm;
use crate::demo::chat::summary::Chapter;
use crate::demo::chat::summary::Judged;
use crate::demo::chat::users::THUMBS_OUTCOME;
use crate::demo::findings::agreement;
use crate::demo::findings::cost;
use crate::demo::findings::is_weighed;
use crate::demo::findings::winner;
use crate::demo::summary::Ratio;
use crate::demo::traffic::Counts;
use crate::protocol::Usage;
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
        agreement: agreement(found, |role| role != Role::Control),
        repeated: agreement(found, |role| role == Role::Control),
        judged: found.judges.first().map(judged),
        winner: winner(found),
        reason: found.sentence.clone(),
        verdict: found.verdicts.first().map(|verdict| (verdict.state, verdict.reasons.join(", and "))),
    }
}

fn judged(found: &JudgeSummary) -> Judged {
    let JudgeSummary { wins, losses, ties, consistency, .. } = found;
    Judged { wins: *wins, losses: *losses, ties: *ties, consistency: *consistency }
}

fn arm(found: &ExperimentSummary, summary: &ArmSummary) -> Arm {
    let ArmSummary { arm, calls, .. } = summary;
    let requests = |copies: bool| -> u64 {
        calls.iter().filter(|call| call.role.is_copy() == copies).map(|call| call.requests).sum()
    };
    let weighed = calls.iter().find(|call| is_weighed(call.role));
    let duration = |milliseconds: f64| Duration::from_secs_f64(milliseconds / 1_000.0);
    let mut tokens = Usage::default();
    calls.iter().for_each(|call| tokens.add(call.tokens));
    Arm {
        name: arm.to_string(),
        answers: requests(false),
        copies: requests(true),
        likeness: likeness(found, summary),
        thumbs: thumbs(found, summary),
        first_chunk: weighed.and_then(|call| call.first_byte_ms.p50).map(duration),
        whole: weighed.and_then(|call| call.total_ms.p50).map(duration),
        tokens,
        cost: cost(calls),
    }
}

fn likeness(found: &ExperimentSummary, summary: &ArmSummary) -> Option<f64> {
    let metric = found.metrics.first()?;
    metric.calls.iter().find(|call| call.arm == summary.arm && is_weighed(call.role))?.value
}

fn thumbs(found: &ExperimentSummary, summary: &ArmSummary) -> Option<Ratio> {
    let mut reported = found.outcomes.iter().filter(|reported| reported.arm == summary.arm);
    let thumbs = reported.find(|reported| reported.outcome.as_str() == THUMBS_OUTCOME)?;
    Ratio::of(thumbs.sum as u64, thumbs.reports)
}
