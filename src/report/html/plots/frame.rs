//! What every drawing has: a frame, marks with their values, titles, a legend.

use crate::report::html::markup::Markup;
use crate::report::html::plots::axis::Axis;

/// The size of a drawing, in its own units.
pub(super) const WIDTH: f64 = 520.0;
pub(super) const HEIGHT: f64 = 260.0;

/// Where the plot stands within it.
pub(super) const LEFT: f64 = 68.0;
pub(super) const RIGHT: f64 = WIDTH - 28.0;
pub(super) const TOP: f64 = 14.0;
pub(super) const BOTTOM: f64 = HEIGHT - 40.0;

/// A drawing with its axes.
pub(super) struct Frame<'f> {
    /// What the drawing shows, for those who hear it.
    pub(super) title: &'f str,
    pub(super) x: &'f Axis,
    pub(super) y: &'f Axis,
    pub(super) x_title: &'f str,
    pub(super) y_title: &'f str,
    pub(super) x_mark: fn(f64) -> String,
    pub(super) y_mark: fn(f64) -> String,
}

impl Frame<'_> {
    /// Draws the frame with what `content` draws into it.
    pub(super) fn draw(&self, page: &mut Markup, content: impl FnOnce(&mut Markup)) {
        let view = format!("0 0 {WIDTH} {HEIGHT}");
        let attributes = [("viewBox", view.as_str()), ("role", "img"), ("aria-label", self.title)];
        page.within("svg", &attributes, |svg| {
            for mark in self.y.marks() {
                let y = self.y.at(mark);
                line(svg, "grid", (LEFT, y), (RIGHT, y));
                label(svg, "mark end", (LEFT - 6.0, y + 4.0), &(self.y_mark)(mark));
            }
            for mark in self.x.marks() {
                let x = self.x.at(mark);
                line(svg, "grid", (x, TOP), (x, BOTTOM));
                label(svg, "mark middle", (x, BOTTOM + 16.0), &(self.x_mark)(mark));
            }
            content(svg);
            label(svg, "axis middle", ((LEFT + RIGHT) / 2.0, HEIGHT - 6.0), self.x_title);
            let turned = format!("rotate(-90 12 {})", place((TOP + BOTTOM) / 2.0));
            let (x, y) = ("12".to_owned(), place((TOP + BOTTOM) / 2.0));
            let attributes = [
                ("class", "axis middle"),
                ("x", x.as_str()),
                ("y", y.as_str()),
                ("transform", turned.as_str()),
            ];
            svg.element("text", &attributes, self.y_title);
        });
    }
}

/// A place in a drawing, to a tenth.
pub(super) fn place(value: f64) -> String {
    format!("{value:.1}")
}

/// A straight line.
pub(super) fn line(svg: &mut Markup, class: &str, from: (f64, f64), to: (f64, f64)) {
    let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(place);
    svg.empty("line", &[("class", class), ("x1", &x1), ("y1", &y1), ("x2", &x2), ("y2", &y2)]);
}

/// A line through several places.
pub(super) fn path(svg: &mut Markup, class: &str, places: &[(f64, f64)]) {
    let points = points(places);
    svg.empty("polyline", &[("class", class), ("points", &points)]);
}

/// An area within several places.
pub(super) fn area(svg: &mut Markup, class: &str, places: &[(f64, f64)]) {
    let points = points(places);
    svg.empty("polygon", &[("class", class), ("points", &points)]);
}

/// A text.
pub(super) fn label(svg: &mut Markup, class: &str, at: (f64, f64), text: &str) {
    let (x, y) = (place(at.0), place(at.1));
    svg.element("text", &[("class", class), ("x", &x), ("y", &y)], text);
}

/// What the colours stand for.
pub(super) fn legend(page: &mut Markup, names: &[(String, String)]) {
    page.within("p", &[("class", "legend")], |legend| {
        for (class, name) in names {
            legend.within("span", &[], |one| {
                one.element("i", &[("class", class)], "");
                one.text(name);
            });
        }
    });
}

fn points(places: &[(f64, f64)]) -> String {
    places.iter().map(|(x, y)| format!("{},{}", place(*x), place(*y))).collect::<Vec<_>>().join(" ")
}
