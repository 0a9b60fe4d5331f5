//! Drawings as inline SVG; nothing is loaded, and colours follow the page's.

mod agreement;
mod axis;
mod calibration;
mod frame;
mod latency;
mod track;

#[cfg(test)]
mod tests;

pub(super) use agreement::agreement;
pub(super) use calibration::calibration;
pub(super) use latency::latency;
pub(super) use track::effect;
pub(super) use track::evidence;

use crate::report::html::markup::Markup;

/// How many colours there are for models.
const COLOURS: usize = 6;

/// A drawing under its title.
fn figure(page: &mut Markup, title: &str, content: impl FnOnce(&mut Markup)) {
    page.within("figure", &[], |page| {
        page.element("figcaption", &[], title);
        content(page);
    });
}

/// The class of an arm's colour, by the arm's place: legacy has the first.
fn colour(arm: usize) -> String {
    format!("c{}", arm % COLOURS)
}
