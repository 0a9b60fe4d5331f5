//! A report for a terminal: verdicts first, then every table.

mod columns;

use std::fmt::Write;

use crate::analysis::ExperimentSummary;
use crate::analysis::Standing;
use crate::analysis::grouped;
use crate::analysis::span;
use crate::report::ExperimentReport;
use crate::report::LineCounts;
use crate::report::Report;
use crate::report::tables::sections;
use crate::report::text::columns::columns;
use crate::report::text::columns::paragraph;
use crate::report::text::columns::printable;
use crate::report::words::counted;
use crate::report::words::minute;
use crate::report::words::size;

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
    let ExperimentReport { summary } = experiment;
    let ExperimentSummary { experiment, strategy, requests, since, until, sentence, .. } = summary;
    let seconds = until.since(*since).as_secs_f64();
    let mut text = format!("{} ({})\n", experiment.as_str().to_uppercase(), strategy.as_str());
    let begun = format!(
        "{} from {} to {} UTC ({}).",
        counted(*requests, "request"),
        minute(*since),
        minute(*until),
        span(seconds)
    );
    text.push_str(&paragraph(&begun));
    let winner = match &summary.standing {
        Standing::Candidate(name) => format!("Better: {name}. "),
        Standing::Legacy => {
            summary.arms.first().map(|arm| format!("Better: {}. ", arm.arm)).unwrap_or_default()
        }
        Standing::Undecided { .. } => String::new(),
    };
    text.push_str(&paragraph(&format!("{winner}{sentence}")));
    for verdict in &summary.verdicts {
        text.push_str(&paragraph(&format!(
            "{}: {}",
            verdict.state.as_str().to_uppercase(),
            verdict.sentence
        )));
    }
    for section in sections(summary) {
        let _ = write!(text, "\n  {}", section.title.to_uppercase());
        if !section.note.is_empty() {
            let _ = write!(text, ": {}", section.note);
        }
        text.push('\n');
        text.push_str(&columns(&section.table));
    }
    text
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
