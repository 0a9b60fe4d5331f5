//! How often each compared field agreed: one bar a field and model.

use crate::analysis::AgreementSummary;
use crate::report::html::markup::Markup;
use crate::report::html::plots::figure;
use crate::report::html::plots::frame::WIDTH;
use crate::report::html::plots::frame::label;
use crate::report::html::plots::frame::legend;
use crate::report::html::plots::frame::place;
use crate::report::words::percent;
use crate::vocab::Role;

/// How many bars are drawn; the table has all.
const MOST: usize = 24;

const ROW: f64 = 24.0;
const LEFT: f64 = 200.0;
const RIGHT: f64 = WIDTH - 60.0;

/// The longest name of a field and model, in characters.
const NAME: usize = 30;

/// Draws the bars.
pub(in crate::report::html) fn agreement(page: &mut Markup, fields: &[AgreementSummary]) {
    let fields: Vec<&AgreementSummary> = fields.iter().filter(|field| all(field) > 0).take(MOST).collect();
    if fields.is_empty() {
        return;
    }
    figure(page, "Agreement with legacy", |page| {
        let height = place(ROW * fields.len() as f64 + 4.0);
        let view = format!("0 0 {WIDTH} {height}");
        let attributes = [("viewBox", view.as_str()), ("role", "img"), ("aria-label", "Agreement by field")];
        page.within("svg", &attributes, |svg| {
            for (row, field) in fields.iter().enumerate() {
                bar(svg, ROW * row as f64, field);
            }
        });
        let names = [("better", "agree"), ("worse", "differ"), ("missing", "missing on a side")];
        legend(page, &names.map(|(class, name)| (class.to_owned(), name.to_owned())));
    });
}

fn all(field: &AgreementSummary) -> u64 {
    field.agree + field.differ + field.missing
}

fn bar(svg: &mut Markup, top: f64, field: &AgreementSummary) {
    let who = match field.role {
        Role::Control => "legacy again".to_owned(),
        _ => field.arm.to_string(),
    };
    label(svg, "mark end", (LEFT - 8.0, top + 15.0), &shortened(&format!("{}, {who}", field.field)));
    let whole = all(field) as f64;
    let mut from = LEFT;
    for (class, count) in [("better", field.agree), ("worse", field.differ), ("missing", field.missing)] {
        let width = (RIGHT - LEFT) * count as f64 / whole;
        let [x, y, w] = [from, top + 4.0, width].map(place);
        let class = format!("bar {class}");
        if count > 0 {
            svg.empty("rect", &[("class", &class), ("x", &x), ("y", &y), ("width", &w), ("height", "15")]);
        }
        from += width;
    }
    label(svg, "mark", (RIGHT + 6.0, top + 15.0), &percent(field.agree as f64 / whole));
}

fn shortened(name: &str) -> String {
    match name.char_indices().nth(NAME) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}
