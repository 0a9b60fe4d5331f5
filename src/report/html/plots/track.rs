//! How the evidence grew: a candidate's leading effect with its confidence sequence, and the e-values, over the requests.

use crate::analysis::EffectScale;
use crate::analysis::EffectSummary;
use crate::analysis::Look;
use crate::analysis::Verdict;
use crate::analysis::grouped;
use crate::report::html::markup::Markup;
use crate::report::html::plots::axis::Axis;
use crate::report::html::plots::axis::Spread;
use crate::report::html::plots::figure;
use crate::report::html::plots::frame::BOTTOM;
use crate::report::html::plots::frame::Frame;
use crate::report::html::plots::frame::LEFT;
use crate::report::html::plots::frame::RIGHT;
use crate::report::html::plots::frame::TOP;
use crate::report::html::plots::frame::area;
use crate::report::html::plots::frame::label;
use crate::report::html::plots::frame::legend;
use crate::report::html::plots::frame::line;
use crate::report::html::plots::frame::path;
use crate::report::words::in_scale;
use crate::report::words::no_difference;
use crate::report::words::scale;

/// The share of the looks, from the last on, whose bounds must have room; those before may reach beyond the frame.
const SHOWN: f64 = 0.85;

/// The least ratio that is drawn: below it a bound tells no more.
const LEAST_RATIO: f64 = 1e-3;

/// The greatest e-value that is drawn, as a power of ten.
const MOST_E: f64 = 12.0;

/// Draws the effect over the requests.
pub(in crate::report::html) fn effect(page: &mut Markup, leading: &EffectSummary, looks: &[Look]) {
    let seen: Vec<&Look> = looks.iter().filter(|look| look.estimate.is_some()).collect();
    let Some((x, y)) = axes(leading.scale, &seen) else { return };
    let title = format!("Effect on {}: {}", leading.figure, leading.candidate);
    figure(page, &title, |page| {
        let marks = match leading.scale {
            EffectScale::RelativeRisk => |value| in_scale(value, EffectScale::RelativeRisk),
            EffectScale::Difference => |value| in_scale(value, EffectScale::Difference),
            EffectScale::Preference => |value| in_scale(value, EffectScale::Preference),
        };
        let frame = Frame {
            title: &title,
            x: &x,
            y: &y,
            x_title: "requests",
            y_title: scale(leading.scale),
            x_mark: |value| grouped(value as u64),
            y_mark: marks,
        };
        frame.draw(page, |svg| {
            let (highest, lowest) = (y.high(), y.low());
            let at = |look: &Look, value: f64| (x.at(look.requests as f64), y.at(value));
            let upper = seen.iter().map(|look| at(look, look.upper.unwrap_or(highest)));
            let lower = seen.iter().rev().map(|look| at(look, look.lower.unwrap_or(lowest)));
            area(svg, "band c1", &upper.chain(lower).collect::<Vec<_>>());
            let even = y.at(no_difference(leading.scale));
            line(svg, "even", (LEFT, even), (RIGHT, even));
            label(svg, "note end", (RIGHT - 4.0, even - 5.0), "no difference");
            let estimates = seen.iter().filter_map(|look| Some(at(look, look.estimate?)));
            path(svg, "line c1", &estimates.collect::<Vec<_>>());
        });
        legend(page, &[("c1".to_owned(), "estimate, with its confidence sequence".to_owned())]);
    });
}

fn axes(scale: EffectScale, seen: &[&Look]) -> Option<(Axis, Axis)> {
    let (first, last) = (seen.first()?.requests as f64, seen.last()?.requests as f64);
    let late = &seen[(seen.len() as f64 * (1.0 - SHOWN)) as usize..];
    let ends = late.iter().flat_map(|look| [look.lower, look.estimate, look.upper]);
    let ends = ends.flatten().chain([no_difference(scale)]);
    let (spread, floor) = match scale {
        EffectScale::RelativeRisk => (Spread::Logarithmic, LEAST_RATIO),
        EffectScale::Difference | EffectScale::Preference => (Spread::Linear, f64::NEG_INFINITY),
    };
    let (low, high) = ends
        .map(|end| end.max(floor))
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), end| (low.min(end), high.max(end)));
    let (low, high) = match spread {
        Spread::Linear => (low - 0.05 * (high - low), high + 0.05 * (high - low)),
        Spread::Logarithmic => (low / 1.1, high * 1.1),
    };
    let x = Axis::new(Spread::Linear, (first.min(0.0), last), (LEFT, RIGHT));
    Some((x, Axis::new(spread, (low, high), (BOTTOM, TOP))))
}

/// Draws the e-values over the requests, with what they must reach.
pub(in crate::report::html) fn evidence(page: &mut Markup, verdict: &Verdict, looks: &[Look]) {
    let power = |log_e: f64| log_e / std::f64::consts::LN_10;
    let seen: Vec<&Look> = looks.iter().filter(|look| look.log_e_better.is_some()).collect();
    let Some(last) = seen.last() else { return };
    let needed = power(verdict.log_e_needed);
    let all = seen.iter().flat_map(|look| [look.log_e_better, look.log_e_worse]).flatten().map(power);
    let (low, high) = all.fold((0.0, needed), |(low, high): (f64, f64), e| (low.min(e), high.max(e)));
    let range = (low.max(-4.0) - 0.2, high.min(MOST_E) + 0.4);
    let x = Axis::new(Spread::Linear, (0.0, last.requests as f64), (LEFT, RIGHT));
    let y = Axis::new(Spread::Linear, range, (BOTTOM, TOP));
    let title = format!("Evidence on {}", verdict.candidate);
    figure(page, &title, |page| {
        let frame = Frame {
            title: &title,
            x: &x,
            y: &y,
            x_title: "requests",
            y_title: "e-value",
            x_mark: |value| grouped(value as u64),
            y_mark: |power| if power == 0.0 { "1".to_owned() } else { format!("1e{power}") },
        };
        frame.draw(page, |svg| {
            let at = y.at(needed);
            line(svg, "even", (LEFT, at), (RIGHT, at));
            label(svg, "note end", (RIGHT - 4.0, at - 5.0), "enough to decide");
            let series = |of: fn(&Look) -> Option<f64>| -> Vec<(f64, f64)> {
                let places = seen.iter().filter_map(|look| Some((look.requests, power(of(look)?))));
                places.map(|(requests, e)| (x.at(requests as f64), y.at(e))).collect()
            };
            path(svg, "line worse", &series(|look| look.log_e_worse));
            path(svg, "line better", &series(|look| look.log_e_better));
        });
        let names = [("better", "better than legacy"), ("worse", "worse than legacy")];
        legend(page, &names.map(|(class, name)| (class.to_owned(), name.to_owned())));
    });
}
