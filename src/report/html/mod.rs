//! A report as one page: no script, nothing loaded, readable from a file in light and in dark.
//!
//! What to do stands first, then how sure that is, then every figure, then single requests to look at.

mod chapter;
mod markup;
mod matrix;
mod plots;
mod table;
mod worst;

#[cfg(test)]
mod tests;

use crate::report::LineCounts;
use crate::report::Report;
use crate::report::html::markup::Markup;
use crate::report::words::better;
use crate::report::words::counted;
use crate::report::words::size;

const STYLE: &str = include_str!("page.css");

/// Nothing may run and nothing may be fetched, whatever got into the page.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// Lays a report out as a page.
pub fn as_html(report: &Report) -> String {
    let mut page = Markup::default();
    page.own("<!DOCTYPE html>\n");
    page.within("html", &[("lang", "en")], |html| {
        html.within("head", &[], |head| {
            head.empty("meta", &[("charset", "utf-8")]);
            head.empty("meta", &[("http-equiv", "Content-Security-Policy"), ("content", POLICY)]);
            head.empty("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]);
            head.element("title", &[], &format!("Crossfade report: {}", names(report)));
            head.within("style", &[], |style| style.own(STYLE));
        });
        html.within("body", &[], |body| {
            opening(body, report);
            report.experiments.iter().for_each(|experiment| chapter::chapter(body, experiment));
            closing(body, report);
        });
    });
    page.own("\n");
    page.into_string()
}

fn names(report: &Report) -> String {
    let names = report.experiments.iter().map(|experiment| experiment.summary.experiment.as_str());
    names.collect::<Vec<_>>().join(", ")
}

/// What was read, and each experiment's verdict in a word.
fn opening(body: &mut Markup, report: &Report) {
    let LineCounts { bytes, pairs, outcomes, .. } = report.lines;
    body.within("header", &[], |header| {
        header.element("h1", &[], "Crossfade report");
        let read =
            format!("{} and {} in {}: ", counted(pairs, "pair"), counted(outcomes, "outcome"), size(bytes));
        header.within("p", &[("class", "quiet")], |read_from| {
            read_from.text(&read);
            read_from.element("code", &[], &report.sources.join(", "));
        });
        incomplete(header, &report.lines);
        if report.experiments.len() > 1 {
            header.within("ul", &[("class", "contents")], |list| contents(list, report));
        }
    });
}

fn contents(list: &mut Markup, report: &Report) {
    for experiment in &report.experiments {
        let found = &experiment.summary;
        list.within("li", &[], |item| {
            let target = format!("#{}", found.experiment);
            item.element("a", &[("href", &target)], found.experiment.as_str());
            for verdict in &found.verdicts {
                chapter::badge(item, verdict.state);
            }
            item.element("span", &[], &better(found));
        });
    }
}

/// What could not be read.
fn incomplete(page: &mut Markup, lines: &LineCounts) {
    let LineCounts { damaged, torn, unreadable_files, problems, lost, .. } = lines;
    let counts = [
        (*damaged, "damaged line"),
        (*torn, "torn last line"),
        (*unreadable_files, "unreadable file"),
        (*lost, "record that the log says it lacks"),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0).map(|(count, noun)| counted(*count, noun));
    let counts: Vec<String> = counts.collect();
    if counts.is_empty() {
        return;
    }
    page.within("div", &[("class", "warning")], |warning| {
        warning.element("p", &[], &format!("Not in this report: {}.", counts.join(", ")));
        if !problems.is_empty() {
            warning.within("ul", &[], |list| {
                problems.iter().for_each(|problem| list.element("li", &[], problem))
            });
        }
    });
}

fn closing(body: &mut Markup, report: &Report) {
    body.within("footer", &[], |footer| {
        footer.element("h2", &[], "How to read this");
        footer.element("p", &[], READING);
        footer.element("p", &[("class", "quiet")], &format!("Made by crossfade {}.", report.version));
    });
}

const READING: &str = "A confidence sequence holds the true effect with the stated certainty at every moment at once, so that \
                       looking early and often does no harm. An e-value weighs the evidence for a difference against \
                       chance: where there is no difference, it ever reaches 20 in at most 1 of 20 experiments. Failed \
                       calls count against the model that was drawn, also where legacy answered in its place. Times are UTC.";
