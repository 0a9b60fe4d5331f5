//! A report for a terminal: verdicts first, then every table.

mod columns;

use std::fmt::Write;

use crate::analysis::ExperimentSummary;
use crate::analysis::grouped;
use crate::analysis::span;
use crate::report::Disagreement;
use crate::report::ExperimentReport;
use crate::report::LineCounts;
use crate::report::Report;
use crate::report::tables::Table;
use crate::report::tables::sections;
use crate::report::text::columns::columns;
use crate::report::text::columns::paragraph;
use crate::report::text::columns::printable;
use crate::report::words::better;
use crate::report::words::counted;
use crate::report::words::minute;
use crate::report::words::size;

/// How many of the pairs that disagree most are named.
const WORST: usize = 5;

/// Lays a report out for a terminal.
pub fn as_text(report: &Report) -> String {
    let mut text = opening(report);
    for experiment in &report.experiments {
        text.push('\n');
        text.push_str(&chapter(experiment));
    }
    text.push_str(&closing(&report.lines));
    text
}

fn opening(report: &Report) -> String {
    let LineCounts { bytes, pairs, outcomes, .. } = report.lines;
    format!(
        "{}: {}, {} and {} in {}.\n",
        printable(&report.sources.join(", ")),
        counted(report.experiments.len() as u64, "experiment"),
        counted(pairs, "pair"),
        counted(outcomes, "outcome"),
        size(bytes),
    )
}

fn chapter(experiment: &ExperimentReport) -> String {
    let found = &experiment.summary;
    let ExperimentSummary { requests, since, until, .. } = found;
    let mut text = format!("{} ({})\n", found.experiment.as_str().to_uppercase(), found.strategy.as_str());
    let begun = format!(
        "{} from {} to {} UTC ({}).",
        counted(*requests, "request"),
        minute(*since),
        minute(*until),
        span(until.since(*since).as_secs_f64())
    );
    text.push_str(&paragraph(&begun));
    text.push_str(&paragraph(&format!("{}. {}", better(found), found.sentence)));
    for verdict in &found.verdicts {
        text.push_str(&paragraph(&format!(
            "{}: {}",
            verdict.state.as_str().to_uppercase(),
            verdict.sentence
        )));
    }
    for section in sections(experiment) {
        let _ = write!(text, "\n  {}", printable(&section.title.to_uppercase()));
        if !section.note.is_empty() {
            let _ = write!(text, ": {}", section.note);
        }
        text.push('\n');
        text.push_str(&columns(&section.table));
    }
    text.push_str(&worst(&experiment.worst));
    text
}

/// The pairs to look at, by what finds them in the log.
fn worst(pairs: &[Disagreement]) -> String {
    if pairs.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["request", "model", "fields that differ"], &["paths"]);
    for pair in pairs.iter().take(WORST) {
        let Disagreement { request_id, arm, fields, paths, .. } = pair;
        let paths = if paths.is_empty() { String::new() } else { grouped(paths.len() as u64) };
        table.row([request_id.to_string(), arm.to_string(), fields.join(", "), paths]);
    }
    format!("\n  WORST DISAGREEMENTS: `--format html` shows them side by side.\n{}", columns(&table))
}

/// What could not be read; nothing where all could.
fn closing(lines: &LineCounts) -> String {
    let LineCounts { damaged, torn, unreadable_files, problems, lost, .. } = lines;
    let mut text = String::new();
    if *lost > 0 {
        let _ = writeln!(text, "\nThe log says that it lacks {} more.", counted(*lost, "record"));
    }
    if !lines.is_incomplete() {
        return text;
    }
    let parts =
        [(*damaged, "damaged line"), (*torn, "torn last line"), (*unreadable_files, "unreadable file")];
    let parts = parts.iter().filter(|(count, _)| *count > 0).map(|(count, noun)| counted(*count, noun));
    let _ = writeln!(text, "\nPassed over: {}.", parts.collect::<Vec<_>>().join(", "));
    for problem in problems {
        let _ = writeln!(text, "  {}", printable(problem));
    }
    let told = problems.len() as u64;
    let all = damaged + unreadable_files;
    if all > told {
        let _ = writeln!(text, "  and {} more", grouped(all - told));
    }
    text
}
