//! What a pair adds to the metrics and to the day's spending on copies.

use std::collections::BTreeSet;
use std::time::SystemTime;

use crate::compare::Agreement;
use crate::cost::Money;
use crate::record::ComparisonRecord;
use crate::record::Observation;
use crate::record::ObservationRecord;
use crate::record::Pair;
use crate::record::PairedRecord;
use crate::telemetry::Metrics;
use crate::vocab::Fate;
use crate::vocab::Timestamp;

/// Counts one pair.
pub(super) fn pair(metrics: &Metrics, raw: &Pair, record: &PairedRecord) {
    let experiment = record.experiment.as_str();
    let is_whole = |seen: &&ObservationRecord| seen.fate == Fate::Complete;
    let answered: BTreeSet<_> = record.observations.iter().filter(is_whole).map(|seen| &seen.arm).collect();
    if answered.len() > 1 {
        metrics.pairs.with_label_values(&[experiment]).inc();
    }
    for comparison in &record.comparison {
        compared(metrics, experiment, comparison);
    }
    for seen in &record.observations {
        used(metrics, experiment, seen);
    }
    // In the same order.
    for (raw, seen) in raw.legs.iter().zip(&record.observations) {
        if let Some(rate) = tokens_per_second(raw, seen) {
            let labels = [experiment, seen.arm.as_str(), seen.role.as_str()];
            metrics.token_rate.with_label_values(&labels).observe(rate);
        }
    }
    settle(raw, record);
}

/// How fast a whole stream came: its output tokens after the first, by the time from its first chunk to its last. `None`
/// where the model did not tell how many they are, or all came at once.
fn tokens_per_second(raw: &Observation, seen: &ObservationRecord) -> Option<f64> {
    let tokens = seen.tokens.filter(|tokens| !tokens.estimated)?.output_tokens;
    let took = raw.last_byte?.checked_sub(raw.first_byte?)?.as_secs_f64();
    let is_whole = seen.fate == Fate::Complete && raw.is_event_stream();
    (is_whole && tokens > 1 && took > 0.0).then(|| (tokens - 1) as f64 / took)
}

/// Tells the day's budget what each copy cost; nothing, where it never reached the model.
fn settle(raw: &Pair, record: &PairedRecord) {
    for (arm, role, due) in &raw.dues {
        let name = raw.experiment().arm_name(&raw.policy, *arm);
        let seen = record.observations.iter().find(|seen| seen.arm == *name && seen.role == *role);
        let cost = seen.and_then(|seen| seen.cost.as_ref()).map_or(Money::ZERO, |cost| cost.amount);
        let tokens = seen.and_then(|seen| seen.tokens).map_or(0, |tokens| tokens.total());
        due.settle(cost, tokens, Timestamp::from(SystemTime::now()));
    }
}

fn compared(metrics: &Metrics, experiment: &str, comparison: &ComparisonRecord) {
    for (field, agreement) in &comparison.fields {
        let result = match agreement {
            Agreement::Agree => "agree",
            Agreement::Differ => "differ",
            Agreement::Missing => "missing",
        };
        let labels = [experiment, comparison.arm.as_str(), field, result];
        metrics.comparisons.with_label_values(&labels).inc();
    }
    if let Some(agreement) = comparison.tool_calls {
        let labels = [experiment, comparison.arm.as_str(), comparison.role.as_str(), agreement.as_str()];
        metrics.tool_calls.with_label_values(&labels).inc();
    }
}

fn used(metrics: &Metrics, experiment: &str, seen: &ObservationRecord) {
    let (arm, role) = (seen.arm.as_str(), seen.role.as_str());
    if let Some(cost) = &seen.cost {
        let labels = [experiment, arm, role, &cost.currency];
        metrics.cost.with_label_values(&labels).inc_by(cost.amount.as_f64());
    }
    if let Some(finish) = seen.said.as_ref().and_then(|said| said.finish) {
        metrics.finishes.with_label_values(&[experiment, arm, role, finish.as_str()]).inc();
    }
    let Some(tokens) = seen.tokens else { return };
    let kinds = [
        ("input", tokens.input_tokens),
        ("cached_input", tokens.cached_input_tokens),
        ("cache_write_input", tokens.cache_write_input_tokens),
        ("output", tokens.output_tokens),
        ("reasoning", tokens.reasoning_tokens),
    ];
    let source = if tokens.estimated { "estimated" } else { "reported" };
    for (kind, count) in kinds {
        metrics.tokens.with_label_values(&[experiment, arm, role, kind, source]).inc_by(count);
    }
}
