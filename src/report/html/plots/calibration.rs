//! How sure models were against how often they were right.

use crate::analysis::CallQuality;
use crate::analysis::MetricSummary;
use crate::analysis::grouped;
use crate::evaluate::probabilistic::ReliabilityBin;
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
use crate::report::html::plots::frame::legend;
use crate::report::html::plots::frame::line;
use crate::report::html::plots::frame::path;
use crate::report::html::plots::frame::place;
use crate::report::words::percent;
use crate::vocab::ModelName;
use crate::vocab::Role;

/// Draws a metric's curves of calibration, if it has any.
pub(in crate::report::html) fn calibration(page: &mut Markup, metric: &MetricSummary, arms: &[&ModelName]) {
    let judged = |call: &&CallQuality| {
        !call.calibration.is_empty() && matches!(call.role, Role::Answer | Role::Shadow | Role::Interleaved)
    };
    let calls: Vec<&CallQuality> = metric.calls.iter().filter(judged).collect();
    if calls.is_empty() {
        return;
    }
    let colour_of =
        |call: &CallQuality| colour(arms.iter().position(|arm| **arm == call.arm).unwrap_or_default());
    let x = Axis::new(Spread::Linear, (0.0, 1.0), (LEFT, RIGHT));
    let y = Axis::new(Spread::Linear, (0.0, 1.0), (BOTTOM, TOP));
    let title = format!("Calibration: {}", metric.metric);
    figure(page, &title, |page| {
        let frame = Frame {
            title: &title,
            x: &x,
            y: &y,
            x_title: "how sure the model was",
            y_title: "how often it was right",
            x_mark: percent,
            y_mark: percent,
        };
        frame.draw(page, |svg| {
            line(svg, "even", (x.at(0.0), y.at(0.0)), (x.at(1.0), y.at(1.0)));
            calls.iter().for_each(|call| curve(svg, &colour_of(call), &call.calibration, (&x, &y)));
        });
        let name = |call: &&CallQuality| {
            let answers: u64 = call.calibration.iter().map(|bin| bin.n).sum();
            (colour_of(call), format!("{} ({} answers)", call.arm, grouped(answers)))
        };
        legend(page, &calls.iter().map(name).collect::<Vec<_>>());
    });
}

/// Points are as large as they have answers.
fn curve(svg: &mut Markup, colour: &str, bins: &[ReliabilityBin], (x, y): (&Axis, &Axis)) {
    let at = |bin: &ReliabilityBin| (x.at(bin.mean_confidence), y.at(bin.mean_correct));
    path(svg, &format!("line {colour}"), &bins.iter().map(at).collect::<Vec<_>>());
    let most = bins.iter().map(|bin| bin.n).max().unwrap_or(1) as f64;
    for bin in bins {
        let (cx, cy) = at(bin);
        let radius = place(2.0 + 5.0 * (bin.n as f64 / most).sqrt());
        let class = format!("dot {colour}");
        let (cx, cy) = (place(cx), place(cy));
        svg.empty("circle", &[("class", &class), ("cx", &cx), ("cy", &cy), ("r", &radius)]);
    }
}
