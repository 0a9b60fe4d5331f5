//! Tables as HTML.

use crate::report::html::markup::Markup;
use crate::report::tables::Column;
use crate::report::tables::Section;
use crate::report::tables::Table;

/// From so many characters on a cell is broken into lines.
const LONG: usize = 32;

/// A table under its title.
pub(super) fn section(page: &mut Markup, section: &Section) {
    page.within("section", &[], |page| {
        page.element("h3", &[], &section.title);
        if !section.note.is_empty() {
            page.element("p", &[("class", "quiet")], &section.note);
        }
        table(page, &section.table);
    });
}

fn table(page: &mut Markup, table: &Table) {
    page.within("div", &[("class", "wide")], |page| {
        page.within("table", &[], |page| {
            page.within("thead", &[], |head| {
                head.within("tr", &[], |row| {
                    for column in &table.head {
                        row.element("th", &[("class", class(*column)), ("scope", "col")], column.title());
                    }
                });
            });
            page.within("tbody", &[], |body| {
                for cells in &table.rows {
                    body.within("tr", &[], |row| {
                        for (column, cell) in table.head.iter().zip(cells) {
                            let class = if cell.chars().count() > LONG { "long" } else { class(*column) };
                            row.element("td", &[("class", class)], cell);
                        }
                    });
                }
            });
        });
    });
}

fn class(column: Column) -> &'static str {
    match column {
        Column::Words(_) => "words",
        Column::Figures(_) => "figures",
    }
}
