//! One experiment's part of the page.

use crate::analysis::ExperimentSummary;
use crate::analysis::State;
use crate::analysis::Verdict;
use crate::analysis::span;
use crate::report::ExperimentReport;
use crate::report::html::markup::Markup;
use crate::report::html::matrix::matrices;
use crate::report::html::plots;
use crate::report::html::table;
use crate::report::html::worst::worst;
use crate::report::tables::sections;
use crate::report::words::better;
use crate::report::words::counted;
use crate::report::words::minute;
use crate::vocab::ModelName;
use crate::vocab::StrategyKind;

/// Shows an experiment.
pub(super) fn chapter(page: &mut Markup, experiment: &ExperimentReport) {
    let found = &experiment.summary;
    let legacy = found.arms.first().map_or("legacy", |arm| arm.arm.as_str());
    page.within("article", &[("id", found.experiment.as_str())], |page| {
        page.within("h2", &[], |title| {
            title.text(found.experiment.as_str());
            title.element("small", &[], strategy(found.strategy));
        });
        for verdict in &found.verdicts {
            decision(page, verdict);
        }
        standing(page, found);
        page.within("div", &[("class", "drawings")], |page| drawings(page, found));
        for section in sections(experiment) {
            table::section(page, &section);
        }
        matrices(page, &found.metrics);
        worst(page, &experiment.worst, legacy);
    });
}

/// What to do about a candidate, and why.
fn decision(page: &mut Markup, verdict: &Verdict) {
    let class = format!("verdict {}", tone(verdict.state));
    page.within("div", &[("class", &class)], |page| {
        page.within("p", &[("class", "state")], |line| {
            badge(line, verdict.state);
            line.element("b", &[], verdict.candidate.as_str());
        });
        page.element("p", &[], &verdict.sentence);
        if verdict.reasons.len() > 1 {
            page.within("ul", &[], |list| {
                verdict.reasons.iter().for_each(|reason| list.element("li", &[], reason));
            });
        }
    });
}

fn standing(page: &mut Markup, found: &ExperimentSummary) {
    let ExperimentSummary { requests, since, until, policy, .. } = found;
    page.within("p", &[], |line| {
        line.element("b", &[], &format!("{}. ", better(found)));
        line.text(&found.sentence);
    });
    let lasted = span(until.since(*since).as_secs_f64());
    let begun = format!(
        "{} from {} to {} UTC ({lasted}), the last of them under policy {policy}.",
        counted(*requests, "request"),
        minute(*since),
        minute(*until),
    );
    page.element("p", &[("class", "quiet")], &begun);
}

fn drawings(page: &mut Markup, found: &ExperimentSummary) {
    for verdict in &found.verdicts {
        let track = found.tracks.iter().find(|track| track.candidate == verdict.candidate);
        if let (Some(track), Some(leading)) = (track, &verdict.primary) {
            plots::effect(page, leading, &track.looks);
            plots::evidence(page, verdict, &track.looks);
        }
    }
    plots::latency(page, &found.arms);
    if found.strategy != StrategyKind::Interleave {
        plots::agreement(page, &found.agreement);
    }
    let arms: Vec<&ModelName> = found.arms.iter().map(|arm| &arm.arm).collect();
    for metric in &found.metrics {
        plots::calibration(page, metric, &arms);
    }
}

/// A verdict in a word.
pub(super) fn badge(page: &mut Markup, state: State) {
    let class = format!("badge {}", tone(state));
    page.element("span", &[("class", &class)], word(state));
}

fn word(state: State) -> &'static str {
    match state {
        State::Invalid => "invalid",
        State::Rollback => "roll back",
        State::Hold => "hold",
        State::Promote => "promote",
        State::Inconclusive => "inconclusive",
        State::Waiting => "not enough evidence",
    }
}

fn tone(state: State) -> &'static str {
    match state {
        State::Promote => "good",
        State::Rollback | State::Invalid => "bad",
        State::Hold | State::Inconclusive => "careful",
        State::Waiting => "open",
    }
}

fn strategy(kind: StrategyKind) -> &'static str {
    match kind {
        StrategyKind::Shadow => "shadow: legacy answers, the candidate gets copies",
        StrategyKind::Canary => "canary: the candidate answers a growing share of users",
        StrategyKind::Ab => "A/B: each model answers its share of users",
        StrategyKind::Interleave => "interleaving: one list of all models' lists",
    }
}
