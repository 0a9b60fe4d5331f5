//! What users were given and what they did: stages, votes, outcomes.

use crate::analysis::ExperimentSummary;
use crate::analysis::grouped;
use crate::analysis::significant;
use crate::report::tables::Section;
use crate::report::tables::Table;
use crate::report::tables::effects::event;
use crate::report::words::counted;
use crate::report::words::duration;
use crate::report::words::known;
use crate::report::words::percent;
use crate::report::words::share;

pub(super) fn stages(found: &ExperimentSummary) -> Section {
    let words = ["stage", "model", "event"];
    let figures = ["weight", "requests", "users", "known", "happened", "share", "to users"];
    let mut table = Table::new(&words, &figures);
    for stage in &found.stages {
        let number = stage.stage.map(|stage| stage.to_string());
        for arm in &stage.arms {
            let events: Vec<_> = arm.figures.iter().filter(|figure| figure.known > 0).collect();
            let drawn = |event: String| {
                let name = number.clone().unwrap_or_default();
                let (weight, requests) = (percent(arm.propensity), grouped(arm.assigned));
                vec![name, arm.arm.to_string(), event, weight, requests, grouped(arm.units)]
            };
            if events.is_empty() {
                table.row(drawn(String::new()));
            }
            for figure in events {
                let counts = [
                    grouped(figure.known),
                    grouped(figure.happened),
                    known(share(figure.happened, figure.known)),
                    grouped(figure.units),
                ];
                table.row(drawn(event(&figure.figure, found)).into_iter().chain(counts));
            }
        }
        if let (Some(stage), Some((p95, p99))) = (&number, stage.slow_ms) {
            let slow = format!("slow: over {} (p95), {} (p99)", duration(p95), duration(p99));
            table.row([stage.clone(), String::new(), slow]);
        }
    }
    let note = "Stages are never added up: while weights change, so does the traffic.";
    Section::of("Stages", note, table)
}

pub(super) fn votes(found: &ExperimentSummary) -> Section {
    let mut table = Table::new(&["lists and clicks"], &["count"]);
    if let Some(lists) = &found.interleaving {
        let counts = [
            ("mixed lists shown", lists.impressions),
            ("of them alike from both sides", lists.no_contrast),
            ("not mixed (degraded)", lists.degraded),
            ("clicks", lists.clicks),
            ("clicks of users without a name", lists.without_unit),
        ];
        for (what, count) in counts {
            table.row([what.to_owned(), grouped(count)]);
        }
        let legacy = found.arms.first().map(|arm| arm.arm.to_string()).unwrap_or_default();
        for votes in &lists.votes {
            let all = votes.for_candidate + votes.for_legacy;
            let told = |count| format!("{} ({})", grouped(count), known(share(count, all)));
            table.row([format!("users who prefer {}", votes.candidate), told(votes.for_candidate)]);
            table.row([format!("users who prefer {legacy} to it"), told(votes.for_legacy)]);
        }
        for (arm, earned) in found.arms.iter().zip(&lists.earned) {
            table.row([format!("credit of clicks, {}", arm.arm), significant(*earned)]);
        }
    }
    Section::of("Interleaving", "Each user has one vote: the first click that prefers a side.", table)
}

pub(super) fn outcomes(found: &ExperimentSummary) -> Section {
    let mut table = Table::new(&["outcome", "model drawn"], &["reports", "late", "sum", "mean"]);
    for outcome in &found.outcomes {
        let sum = (outcome.sum != 0.0).then(|| significant(outcome.sum));
        let mean = (outcome.sum != 0.0 && outcome.reports > 0)
            .then(|| significant(outcome.sum / outcome.reports as f64));
        table.row([
            outcome.outcome.to_string(),
            outcome.arm.to_string(),
            grouped(outcome.reports),
            if outcome.late == 0 { String::new() } else { counted(outcome.late, "report") },
            known(sum),
            known(mean),
        ]);
    }
    Section::of("Outcomes", "", table)
}
