//! How long answers took: each model's distribution on a logarithmic scale, with its quantiles.

use crate::analysis::ArmSummary;
use crate::analysis::Bar;
use crate::analysis::CallSummary;
use crate::report::html::markup::Markup;
use crate::report::html::plots::axis::Axis;
use crate::report::html::plots::axis::Spread;
use crate::report::html::plots::colour;
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
use crate::report::words::duration;
use crate::report::words::percent;
use crate::vocab::Role;

/// The least duration that is drawn, in milliseconds.
const LEAST_MS: f64 = 0.01;

/// The height of a row of labels.
const ROW: f64 = 12.0;

/// One model's calls of one kind.
struct Series<'s> {
    colour: String,
    name: String,
    call: &'s CallSummary,
    all: f64,
}

/// Draws the distributions of the calls that models are judged by.
pub(in crate::report::html) fn latency(page: &mut Markup, arms: &[ArmSummary]) {
    let series: Vec<Series<'_>> =
        arms.iter().enumerate().filter_map(|(arm, found)| Series::of(arm, found)).collect();
    let bars = || series.iter().flat_map(|series| &series.call.total_bars);
    let low = bars().map(|bar| bar.above_ms).fold(f64::INFINITY, f64::min).max(LEAST_MS);
    let high = bars().map(|bar| bar.upto_ms).fold(0.0, f64::max);
    let most = series.iter().map(Series::peak).fold(0.0, f64::max);
    if high <= low || most <= 0.0 {
        return;
    }
    let x = Axis::new(Spread::Logarithmic, (low, high), (LEFT, RIGHT));
    let y = Axis::new(Spread::Linear, (0.0, 1.08 * most), (BOTTOM, TOP + ROW * series.len() as f64));
    figure(page, "Time to the last byte", |page| {
        let frame = Frame {
            title: "Distributions of the time to the last byte",
            x: &x,
            y: &y,
            x_title: "time",
            y_title: "share of calls",
            x_mark: mark,
            y_mark: percent,
        };
        frame.draw(page, |svg| {
            for (row, series) in series.iter().enumerate() {
                series.draw(svg, &x, &y);
                series.mark_quantiles(svg, &x, TOP + ROW * row as f64);
            }
        });
        let names = series.iter().map(|series| (series.colour.clone(), series.name.clone()));
        legend(page, &names.collect::<Vec<_>>());
    });
}

/// A round duration, without digits that say nothing.
fn mark(milliseconds: f64) -> String {
    if milliseconds >= 1_000.0 {
        format!("{} s", milliseconds / 1_000.0)
    } else {
        format!("{milliseconds} ms")
    }
}

impl<'s> Series<'s> {
    fn of(arm: usize, found: &'s ArmSummary) -> Option<Self> {
        let judged =
            |call: &&CallSummary| matches!(call.role, Role::Answer | Role::Shadow | Role::Interleaved);
        let call = found.calls.iter().find(judged)?;
        let all: u64 = call.total_bars.iter().map(|bar| bar.count).sum();
        let p95 = call.total_ms.p95.map(|p95| format!(", p95 {}", duration(p95))).unwrap_or_default();
        let name = format!("{} ({}{p95})", found.arm, call.role.as_str());
        (all > 0).then(|| Self { colour: colour(arm), name, call, all: all as f64 })
    }

    fn share(&self, bar: &Bar) -> f64 {
        bar.count as f64 / self.all
    }

    fn peak(&self) -> f64 {
        self.call.total_bars.iter().map(|bar| self.share(bar)).fold(0.0, f64::max)
    }

    fn draw(&self, svg: &mut Markup, x: &Axis, y: &Axis) {
        let mut places = Vec::new();
        let mut end = None;
        for bar in &self.call.total_bars {
            let (from, to, height) = (x.at(bar.above_ms), x.at(bar.upto_ms), y.at(self.share(bar)));
            if end.is_none_or(|end| bar.above_ms > end * 1.000_001) {
                places.extend(end.map(|end| (x.at(end), BOTTOM)));
                places.push((from, BOTTOM));
            }
            places.extend([(from, height), (to, height)]);
            end = Some(bar.upto_ms);
        }
        places.extend(end.map(|end| (x.at(end), BOTTOM)));
        area(svg, &format!("band {}", self.colour), &places);
        path(svg, &format!("line thin {}", self.colour), &places);
    }

    /// The labels of each model have a row of their own.
    fn mark_quantiles(&self, svg: &mut Markup, x: &Axis, row: f64) {
        let quantiles = [("p50", self.call.total_ms.p50), ("p95", self.call.total_ms.p95)];
        for (name, at) in quantiles.into_iter().filter_map(|(name, at)| Some((name, at?))) {
            line(svg, &format!("quantile {}", self.colour), (x.at(at), row), (x.at(at), BOTTOM));
            label(svg, &format!("note {}", self.colour), (x.at(at) + 3.0, row + 8.0), name);
        }
    }
}
