//! How good answers were and how alike.

use crate::analysis::AgreementSummary;
use crate::analysis::CallQuality;
use crate::analysis::CorrectedSummary;
use crate::analysis::ExperimentSummary;
use crate::analysis::MetricDifference;
use crate::analysis::MetricSummary;
use crate::analysis::PathVerdict;
use crate::analysis::grouped;
use crate::analysis::significant;
use crate::evaluate::agreement::Kappa;
use crate::report::tables::Section;
use crate::report::tables::Table;
use crate::report::words::e_value;
use crate::report::words::known;
use crate::report::words::percent;
use crate::report::words::share;
use crate::report::words::signed;
use crate::stats::Interval;
use crate::vocab::Role;

pub(super) fn metrics(found: &ExperimentSummary) -> Section {
    let words = ["metric", "model", "calls for"];
    let figures = [
        "value",
        "95 % interval",
        "less legacy's",
        "95 % of that",
        "answers",
        "deviation",
        "failed",
        "unfit",
    ];
    let mut table = Table::new(&words, &figures).and("why not");
    for metric in &found.metrics {
        let legacy = legacy(found, metric).and_then(|call| call.value);
        for call in &metric.calls {
            let is_legacys = found.arms.first().is_some_and(|arm| arm.arm == call.arm);
            let difference = call.value.zip(legacy).filter(|_| !is_legacys).map(|(own, legacy)| own - legacy);
            let few = |count: u64| if count == 0 { String::new() } else { grouped(count) };
            let why = call.undefined.as_ref().or(call.unfit_because.as_ref());
            table.row([
                metric.metric.to_string(),
                call.arm.to_string(),
                call.role.as_str().to_owned(),
                known(call.value.map(significant)) + if call.sampled { " *" } else { "" },
                known(call.interval.map(between)),
                known(difference.map(signed)),
                interval(metric, call).unwrap_or_default(),
                grouped(call.examples),
                known(call.deviation.map(significant)),
                few(call.failed),
                few(call.unfit),
                why.cloned().unwrap_or_default(),
            ]);
        }
    }
    let mut calls = found.metrics.iter().flat_map(|metric| &metric.calls);
    let intervals = "Intervals are of this moment (bootstrap), not for many looks.";
    let note = match (calls.clone().any(|call| call.interval.is_some()), calls.any(|call| call.sampled)) {
        (true, true) => format!("{intervals} * of a uniform sample of the answers."),
        (true, false) => intervals.to_owned(),
        (false, true) => "* of a uniform sample of the answers.".to_owned(),
        (false, false) => String::new(),
    };
    Section::of("Metrics", &note, table)
}

fn between(Interval { lower, upper }: Interval) -> String {
    format!("{} to {}", significant(lower), significant(upper))
}

/// Where the difference from legacy lies, for a metric of many answers together; the others' bounds are among the effects.
fn interval(metric: &MetricSummary, call: &CallQuality) -> Option<String> {
    let of_call = |difference: &&MetricDifference| difference.arm == call.arm && difference.role == call.role;
    let Interval { lower, upper } = metric.differences.iter().find(of_call)?.interval?;
    Some(format!("{} to {}", signed(lower), signed(upper)))
}

/// Legacy's answers to users, which others are held against.
fn legacy<'m>(found: &ExperimentSummary, metric: &'m MetricSummary) -> Option<&'m CallQuality> {
    let name = &found.arms.first()?.arm;
    metric
        .calls
        .iter()
        .filter(|call| call.arm == *name)
        .find(|call| matches!(call.role, Role::Answer | Role::Interleaved))
}

pub(super) fn agreement(found: &ExperimentSummary) -> Section {
    let words = ["field", "model", "calls for"];
    let figures = [
        "answers",
        "agree",
        "differ",
        "missing",
        "score",
        "length",
        "legacy differs from itself",
        "its score",
    ];
    let mut table = Table::new(&words, &figures);
    for field in &found.agreement {
        let AgreementSummary { arm, role, field: name, agree, differ, missing, score, ratio } = field;
        let all = agree + differ + missing;
        let noise = found.agreement.iter().find(|other| other.role == Role::Control && other.field == *name);
        let noise = noise.filter(|_| *role != Role::Control);
        table.row([
            name.clone(),
            arm.to_string(),
            role.as_str().to_owned(),
            grouped(all),
            known(share(*agree, all)),
            known(share(*differ, all)),
            if *missing == 0 { String::new() } else { known(share(*missing, all)) },
            score.map(significant).unwrap_or_default(),
            ratio.map(|ratio| format!("× {}", significant(ratio))).unwrap_or_default(),
            known(noise.and_then(|noise| share(noise.differ, noise.agree + noise.differ + noise.missing))),
            noise.and_then(|noise| noise.score).map(significant).unwrap_or_default(),
        ]);
    }
    let note = "Agreement with legacy is not quality: legacy may be the one that is wrong.";
    Section::of("Agreement", note, table)
}

pub(super) fn fields(found: &ExperimentSummary) -> Section {
    let figures = [
        "requests",
        "candidate differs",
        "legacy differs from itself",
        "e-value",
        "candidate's score",
        "legacy's own",
        "95 % of the difference",
    ];
    let mut table = Table::new(&["field", "candidate", "finding"], &figures);
    for candidate in &found.paths {
        for field in &candidate.fields {
            let range = |range: Interval| format!("{} to {}", signed(range.lower), signed(range.upper));
            table.row([
                field.field.clone(),
                candidate.candidate.to_string(),
                finding(field.verdict).to_owned(),
                grouped(field.requests),
                percent(field.raw_rate),
                percent(field.noise_rate),
                e_value(field.log_e),
                field.raw_score.map(significant).unwrap_or_default(),
                field.noise_score.map(significant).unwrap_or_default(),
                field.score_difference.map(range).unwrap_or_default(),
            ]);
        }
    }
    let note = "Requests that legacy was asked twice: answers that are drawn differ from themselves too.";
    Section::of("Against noise", note, table)
}

/// How many paths of a candidate are shown.
const PATHS: usize = 50;

pub(super) fn paths(found: &ExperimentSummary) -> Section {
    let figures = ["candidate differs", "legacy differs from itself", "e-value"];
    let mut table = Table::new(&["path", "candidate", "finding"], &figures);
    for candidate in &found.paths {
        for path in candidate.paths.iter().take(PATHS) {
            table.row([
                path.path.clone(),
                candidate.candidate.to_string(),
                finding(path.verdict).to_owned(),
                percent(path.raw_rate),
                percent(path.noise_rate),
                e_value(path.log_e),
            ]);
        }
    }
    let note = "Where answers differ, against how often legacy differs from itself when it is asked twice.";
    Section::of("Paths", note, table)
}

fn finding(verdict: PathVerdict) -> &'static str {
    match verdict {
        PathVerdict::Differs => "truly differs",
        PathVerdict::Open => "not known yet",
        PathVerdict::Noise => "noise",
    }
}

pub(super) fn judges(found: &ExperimentSummary) -> Section {
    let words = ["judge", "version", "judges"];
    let figures = ["requests", "won", "lost", "ties", "same in both orders", "missing", "known before"];
    let mut table = Table::new(&words, &figures);
    let few = |count: u64| if count == 0 { String::new() } else { grouped(count) };
    for judge in &found.judges {
        let of_pairs = |count: u64| if judge.mode.prefers() { grouped(count) } else { String::new() };
        table.row([
            judge.judge.to_string(),
            judge.version.clone(),
            judge.mode.as_str().to_owned(),
            grouped(judge.judgements),
            of_pairs(judge.wins),
            of_pairs(judge.losses),
            of_pairs(judge.ties),
            judge.consistency.map(percent).unwrap_or_default(),
            few(judge.missing),
            few(judge.cached),
        ]);
    }
    let distrust: Vec<String> = found.judges.iter().filter_map(|judge| judge.distrust.clone()).collect();
    let note = match distrust.is_empty() {
        true => {
            "What a judge says is its opinion: hold it against people's before anything is decided by it."
                .to_owned()
        }
        false => format!("Nothing is decided by what follows: {}.", distrust.join("; ")),
    };
    Section::of("Judges", &note, table.used())
}

/// Judges held against people on the same pairs.
pub(super) fn accords(found: &ExperimentSummary) -> Section {
    let words = ["judge", "version", "model"];
    let figures = [
        "judged by both",
        "same word",
        "kappa",
        "95 % of that",
        "better by the judge",
        "by people",
        "put right",
        "between",
    ];
    let mut table = Table::new(&words, &figures);
    for (judge, accord) in found.judges.iter().filter_map(|judge| Some((judge, judge.accord.as_ref()?))) {
        for CorrectedSummary { candidate, judge_rate, people_rate, corrected, lower, upper, .. } in
            &accord.candidates
        {
            let kappa = accord.kappa;
            let bounds =
                lower.zip(*upper).map(|(lower, upper)| format!("{} to {}", percent(lower), percent(upper)));
            table.row([
                judge.judge.to_string(),
                judge.version.clone(),
                candidate.to_string(),
                grouped(accord.pairs),
                percent(accord.agreement),
                known(kappa.map(|kappa| significant(kappa.kappa))),
                known(kappa.map(|Kappa { lower, upper, .. }| between(Interval { lower, upper }))),
                percent(*judge_rate),
                percent(*people_rate),
                known(corrected.map(percent)),
                known(bounds),
            ]);
        }
    }
    let note = "How often the candidate's answer is better, a tie counted half: as the judge says, as people say of the pairs \
                that they saw too, and the judge's word on all pairs put right by how it errs there, at any look. Below \
                100 pairs that both judged nothing is put right.";
    Section::of("Judges and people", note, table)
}
