//! What units and successes took and cost.

use crate::analysis::Estimate;
use crate::analysis::ExperimentSummary;
use crate::analysis::SpendingSummary;
use crate::analysis::grouped;
use crate::analysis::significant;
use crate::report::tables::Section;
use crate::report::tables::Table;
use crate::report::words::counted;
use crate::report::words::known;
use crate::report::words::percent;

pub(super) fn spending(found: &ExperimentSummary) -> Section {
    let figures = ["value", "confidence sequence"];
    let mut table = Table::new(&["figure", "model"], &figures).and("of").and("why not");
    for spending in &found.spending {
        rows(spending, &mut table);
    }
    let note = "Confidence sequences hold however often one looks. A unit, such as a conversation, counts with what it took so \
                far; failures cost too, copies and judges do not count.";
    Section::of("What units and successes take", note, table)
}

fn rows(spending: &SpendingSummary, table: &mut Table) {
    let currency = spending.currency.as_deref().unwrap_or_default();
    let units = format!("{}, {}", counted(spending.units, "unit"), counted(spending.requests, "request"));
    let mut row = |figure: String, found: &Estimate, show: fn(f64) -> String, of: String| {
        let bounds = found.lower.zip(found.upper);
        table.row([
            figure,
            spending.arm.to_string(),
            known(found.value.map(show)),
            known(bounds.map(|(lower, upper)| format!("{} to {}", show(lower), show(upper)))),
            of,
            found.undefined.clone().unwrap_or_default(),
        ]);
    };
    row("seconds per unit".to_owned(), &spending.seconds_per_unit, significant, units.clone());
    if let Some(cost) = &spending.cost_per_unit {
        let of = match spending.unpriced {
            0 => units,
            unpriced => format!("{units}, {} of unknown cost", grouped(unpriced)),
        };
        row(format!("{currency} per unit"), cost, significant, of);
    }
    for success in &spending.successes {
        let of = counted(success.reports, "report");
        row(format!("units with {}", success.outcome), &success.completed, percent, of.clone());
        if let Some(cost) = &success.cost {
            row(format!("{currency} per {}", success.outcome), cost, significant, of);
        }
    }
}
