//! What calls came to: speed, failures, cost; and what the figures leave out.

use crate::analysis::CallSummary;
use crate::analysis::ExperimentSummary;
use crate::analysis::LeftOut;
use crate::analysis::Quantiles;
use crate::analysis::grouped;
use crate::protocol::Usage;
use crate::record::LossReason;
use crate::report::tables::Section;
use crate::report::tables::Table;
use crate::report::words::duration;
use crate::report::words::known;
use crate::report::words::share;

const FIGURES: [&str; 10] = [
    "calls",
    "failed",
    "left early",
    "p50",
    "p95",
    "p99",
    "first byte p50",
    "tokens in",
    "tokens out",
    "per 1,000 calls",
];

pub(super) fn calls(found: &ExperimentSummary) -> Section {
    let mut table = Table::new(&["model", "calls for"], &FIGURES);
    for arm in &found.arms {
        for call in &arm.calls {
            table.row(row(arm.arm.as_str(), call));
        }
    }
    let note = "Time to the last byte of a model's answer; what users cut short says nothing of its speed.";
    Section::of("Calls", note, table)
}

fn row(arm: &str, call: &CallSummary) -> [String; 12] {
    let CallSummary { role, requests, errors, cancelled, total_ms, first_byte_ms, tokens, .. } = call;
    let Quantiles { p50, p95, p99 } = *total_ms;
    let Usage { input_tokens, output_tokens, .. } = *tokens;
    let few = |count: u64| if count == 0 { String::new() } else { grouped(count) };
    [
        arm.to_owned(),
        role.as_str().to_owned(),
        grouped(*requests),
        known(share(*errors, *requests)),
        few(*cancelled),
        known(p50.map(duration)),
        known(p95.map(duration)),
        known(p99.map(duration)),
        known(first_byte_ms.p50.map(duration)),
        few(input_tokens),
        few(output_tokens),
        price(call),
    ]
}

/// What a thousand calls cost, in each currency.
fn price(call: &CallSummary) -> String {
    let sums = call.cost.iter().filter(|_| call.requests > 0);
    let each =
        sums.map(|(currency, sum)| format!("{:.5} {currency}", sum.scaled(1_000, call.requests).as_f64()));
    each.collect::<Vec<_>>().join(", ")
}

pub(super) fn left_out(found: &ExperimentSummary) -> Section {
    let mut table = Table::new(&["not in these figures"], &["requests"]);
    let LeftOut { not_enrolled, forced, retries } = found.left_out;
    let reasons = [("not enrolled", not_enrolled), ("arm forced", forced), ("sent before (retry)", retries)];
    for (reason, count) in reasons.into_iter().filter(|(_, count)| *count > 0) {
        table.row([reason.to_owned(), grouped(count)]);
    }
    for loss in &found.lost {
        let what = format!("{}s lost: {}", loss.of.as_str(), loss.reason.as_str());
        let lost = match loss.reason {
            LossReason::Crash => format!("unknown, {} times", grouped(loss.lost)),
            _ => grouped(loss.lost),
        };
        table.row([what, lost]);
    }
    Section::of("Left out", "", table)
}
