//! How good answers were and how alike.

use crate::analysis::AgreementSummary;
use crate::analysis::CallQuality;
use crate::analysis::ExperimentSummary;
use crate::analysis::MetricDifference;
use crate::analysis::MetricSummary;
use crate::analysis::grouped;
use crate::analysis::significant;
use crate::report::tables::Section;
use crate::report::tables::Table;
use crate::report::words::known;
use crate::report::words::share;
use crate::report::words::signed;
use crate::stats::Interval;
use crate::vocab::Role;

pub(super) fn metrics(found: &ExperimentSummary) -> Section {
    let words = ["metric", "model", "calls for"];
    let figures = ["value", "less legacy's", "95 % of that", "answers", "deviation", "failed", "unfit"];
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
    let sampled = found.metrics.iter().flat_map(|metric| &metric.calls).any(|call| call.sampled);
    let note = if sampled { "* of a uniform sample of the answers." } else { "" };
    Section::of("Metrics", note, table)
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
    let figures = ["answers", "agree", "differ", "missing", "legacy differs from itself"];
    let mut table = Table::new(&words, &figures);
    for field in &found.agreement {
        let AgreementSummary { arm, role, field: name, agree, differ, missing } = field;
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
            known(noise.and_then(|noise| share(noise.differ, noise.agree + noise.differ + noise.missing))),
        ]);
    }
    let note = "Agreement with legacy is not quality: legacy may be the one that is wrong.";
    Section::of("Agreement", note, table)
}
