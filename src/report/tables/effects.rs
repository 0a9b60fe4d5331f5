//! How far candidates are from legacy: what decides, what guards, and the pairs behind it.

use crate::analysis::ExperimentSummary;
use crate::analysis::GuardrailSummary;
use crate::analysis::grouped;
use crate::analysis::significant;
use crate::policy::OnBreach;
use crate::report::tables::Section;
use crate::report::tables::Table;
use crate::report::words::bounds;
use crate::report::words::e_value;
use crate::report::words::estimate;
use crate::report::words::evidence;
use crate::report::words::known;
use crate::report::words::scale;

pub(super) fn effects(found: &ExperimentSummary) -> Section {
    let words = ["figure", "candidate", "measured as"];
    let figures = ["effect", "confidence sequence", "evidence", "counted"];
    let mut table = Table::new(&words, &figures).and("why not");
    for effect in &found.effects {
        table.row([
            effect.figure.clone(),
            effect.candidate.to_string(),
            scale(effect.scale).to_owned(),
            known(estimate(effect)),
            known(bounds(effect)),
            known(evidence(effect)),
            grouped(effect.events),
            effect.undefined.clone().unwrap_or_default(),
        ]);
    }
    let note = "Confidence sequences and e-values hold however often one looks.";
    Section::of("Differences", note, table)
}

pub(super) fn guardrails(found: &ExperimentSummary) -> Section {
    let words = ["guardrail", "candidate", "state"];
    let figures = ["effect", "confidence sequence", "limit", "e-value of harm", "tips at"];
    let mut table = Table::new(&words, &figures);
    for guardrail in found.verdicts.iter().flat_map(|verdict| &verdict.guardrails) {
        let GuardrailSummary { effect, max_ratio, log_e_peak, log_e_breach, .. } = guardrail;
        table.row([
            effect.figure.clone(),
            effect.candidate.to_string(),
            state(guardrail).to_owned(),
            known(estimate(effect)),
            known(bounds(effect)),
            known(max_ratio.map(|ratio| format!("{} x", significant(ratio)))),
            known(log_e_peak.or(effect.log_e_worse).map(e_value)),
            e_value(*log_e_breach),
        ]);
    }
    Section::of("Guardrails", "A guardrail that tipped stays so.", table)
}

fn state(guardrail: &GuardrailSummary) -> &'static str {
    match (guardrail.breached, guardrail.on_breach, guardrail.within) {
        (true, OnBreach::Rollback, _) => "tipped: roll back",
        (true, OnBreach::Hold, _) => "beyond its limit: hold",
        (false, _, Some(true)) => "inside its limit",
        (false, _, Some(false)) => "not proven inside yet",
        (false, _, None) => "not tipped",
    }
}

pub(super) fn pairs(found: &ExperimentSummary) -> Section {
    let figures = ["pairs", "on both", "on neither", "only candidate", "only legacy"];
    let mut table = Table::new(&["event", "candidate"], &figures);
    for pairs in &found.paired {
        let all = pairs.both + pairs.neither + pairs.only_candidate + pairs.only_legacy;
        let counts = [all, pairs.both, pairs.neither, pairs.only_candidate, pairs.only_legacy];
        let names = [event(&pairs.figure, found), pairs.candidate.to_string()];
        table.row(names.into_iter().chain(counts.map(grouped)));
    }
    Section::of("Pairs", "Requests that both models answered, by where an event happened.", table)
}

/// What happens, by the figure that counts it.
pub(super) fn event(figure: &str, found: &ExperimentSummary) -> String {
    let is_metric = found.metrics.iter().any(|metric| metric.metric.as_str() == figure);
    match figure {
        "error_rate" => "failed".to_owned(),
        "latency_p95" | "latency_p99" => format!("slow ({figure})"),
        _ if is_metric => format!("wrong by {figure}"),
        _ => figure.to_owned(),
    }
}
