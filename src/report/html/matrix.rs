//! Confusion matrices: what was true, row by row, and what the model said.

use std::collections::HashMap;

use indexmap::IndexMap;

use crate::analysis::CallQuality;
use crate::analysis::ClassCount;
use crate::analysis::MetricSummary;
use crate::analysis::grouped;
use crate::report::html::markup::Markup;

/// How many classes are shown: the most frequent.
const MOST: usize = 20;

/// Draws a matrix for each kind of calls that were held against classes; metrics of the same classes share theirs.
pub(super) fn matrices(page: &mut Markup, metrics: &[MetricSummary]) {
    let mut drawn: Vec<&[ClassCount]> = Vec::new();
    let calls = metrics.iter().flat_map(|metric| metric.calls.iter().map(move |call| (metric, call)));
    let mut fresh = Vec::new();
    for (metric, call) in calls.filter(|(_, call)| !call.classes.is_empty()) {
        if !drawn.contains(&call.classes.as_slice()) {
            drawn.push(&call.classes);
            fresh.push((metric, call));
        }
    }
    if fresh.is_empty() {
        return;
    }
    page.within("section", &[], |page| {
        page.element("h3", &[], "Confusion matrices");
        let note = "Rows are the true classes, columns what the model said; shades are shares of the row.";
        page.element("p", &[("class", "quiet")], note);
        page.within("div", &[("class", "drawings")], |page| {
            for (metric, call) in fresh {
                matrix(page, metric, call);
            }
        });
    });
}

fn matrix(page: &mut Markup, metric: &MetricSummary, call: &CallQuality) {
    let classes = most_frequent(&call.classes);
    let counts: HashMap<(&str, &str), u64> = call
        .classes
        .iter()
        .map(|cell| ((cell.truth.as_str(), cell.predicted.as_str()), cell.count))
        .collect();
    let title = format!("{}: {} ({})", metric.metric, call.arm, call.role.as_str());
    page.within("figure", &[], |page| {
        page.element("figcaption", &[], &title);
        page.within("div", &[("class", "wide")], |page| {
            page.within("table", &[("class", "matrix")], |page| {
                page.within("tr", &[], |row| {
                    row.element("th", &[], "true");
                    classes.iter().for_each(|class| row.element("th", &[("scope", "col")], class));
                });
                for truth in &classes {
                    let of_row = call.classes.iter().filter(|cell| cell.truth == *truth);
                    let all: u64 = of_row.map(|cell| cell.count).sum();
                    page.within("tr", &[], |row| {
                        row.element("th", &[("scope", "row")], truth);
                        for predicted in &classes {
                            let count = counts.get(&(*truth, *predicted)).copied().unwrap_or(0);
                            cell(row, count, all, truth == predicted);
                        }
                    });
                }
            });
        });
        let told: u64 = call.classes.iter().map(|cell| cell.count).sum();
        let shown: u64 = classes
            .iter()
            .flat_map(|truth| classes.iter().map(move |said| (*truth, *said)))
            .filter_map(|cell| counts.get(&cell))
            .sum();
        if shown < told {
            let rest = format!("{} more are of rarer classes.", grouped(told - shown));
            page.element("p", &[("class", "quiet")], &rest);
        }
    });
}

fn cell(row: &mut Markup, count: u64, all: u64, right: bool) {
    if count == 0 {
        return row.element("td", &[], "");
    }
    let class = if right { "right" } else { "wrong" };
    let share = format!("--share: {:.0}%", (70.0 * count as f64 / all.max(1) as f64).max(6.0));
    row.element("td", &[("class", class), ("style", &share)], &grouped(count));
}

/// The most frequent classes, in the order of their names; numbers in that of their values.
fn most_frequent(cells: &[ClassCount]) -> Vec<&str> {
    let mut frequency: IndexMap<&str, u64> = IndexMap::new();
    for ClassCount { truth, predicted, count } in cells {
        *frequency.entry(truth).or_default() += count;
        *frequency.entry(predicted).or_default() += count;
    }
    frequency.sort_by(|_, one, _, other| other.cmp(one));
    let mut classes: Vec<&str> = frequency.into_keys().take(MOST).collect();
    let number = |class: &str| class.parse::<f64>().ok();
    classes.sort_by(|one, other| match (number(one), number(other)) {
        (Some(one), Some(other)) => one.total_cmp(&other),
        _ => one.cmp(other),
    });
    classes
}
