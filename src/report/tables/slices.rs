//! Slices side by side: how many requests, what failed, how long it took, how far the candidate is from legacy.

use crate::analysis::ArmSummary;
use crate::analysis::CallSummary;
use crate::analysis::grouped;
use crate::report::Slice;
use crate::report::SliceDifference;
use crate::report::SliceSummary;
use crate::report::Slices;
use crate::report::tables::Section;
use crate::report::tables::Table;
use crate::report::words::bounds;
use crate::report::words::duration;
use crate::report::words::e_value;
use crate::report::words::estimate;
use crate::report::words::known;
use crate::report::words::share;
use crate::vocab::ModelName;
use crate::vocab::Role;

/// The slices of one field, a row for each of its candidates.
pub(super) fn slices(slices: &Slices) -> Section {
    let words = ["slice", "candidate", "figure"];
    let figures = [
        "requests",
        "legacy failed",
        "failed",
        "legacy p95",
        "p95",
        "effect",
        "confidence sequence",
        "e-value",
    ];
    let mut table = Table::new(&words, &figures).and("differs");
    for slice in &slices.slices {
        for candidate in slice.summary.arms.iter().skip(1).map(|arm| &arm.arm) {
            table.row(row(slice, candidate));
        }
    }
    Section::of(&format!("Slices by {}", slices.field), slices.caution, table)
}

fn row(slice: &SliceSummary, candidate: &ModelName) -> [String; 12] {
    let difference = slice.differences.iter().find(|difference| difference.effect.candidate == *candidate);
    let effect = difference.map(|difference| &difference.effect);
    let legacy = slice.summary.arms.first().and_then(weighed);
    let own = slice.summary.arms.iter().find(|arm| arm.arm == *candidate).and_then(weighed);
    let failed = |call: Option<&CallSummary>| call.and_then(|call| share(call.errors, call.requests));
    let p95 = |call: Option<&CallSummary>| call.and_then(|call| call.total_ms.p95).map(duration);
    [
        named(&slice.slice),
        candidate.to_string(),
        effect.map(|effect| effect.figure.clone()).unwrap_or_default(),
        grouped(slice.summary.requests),
        known(failed(legacy)),
        known(failed(own)),
        known(p95(legacy)),
        known(p95(own)),
        known(effect.and_then(estimate)),
        known(effect.and_then(bounds)),
        known(difference.and_then(|difference| difference.log_e_differs).map(e_value)),
        known(difference.and_then(|SliceDifference { differs, .. }| *differs).map(word)),
    ]
}

fn word(differs: bool) -> String {
    if differs { "yes" } else { "not shown" }.to_owned()
}

/// The calls that a model is judged by.
fn weighed(arm: &ArmSummary) -> Option<&CallSummary> {
    arm.calls.iter().find(|call| matches!(call.role, Role::Answer | Role::Shadow | Role::Interleaved))
}

fn named(slice: &Slice) -> String {
    match slice {
        Slice::Value(value) => value.clone(),
        Slice::Absent => "(without)".to_owned(),
        Slice::Other => "(other)".to_owned(),
    }
}
