//! Tables and paragraphs for a terminal: columns as wide as they must be, words to the left, figures to the right.

use std::fmt::Write;

use crate::report::tables::Column;
use crate::report::tables::Table;
use crate::vocab::steers;

/// The longest line of a paragraph.
const WIDTH: usize = 100;

/// How each line begins.
const MARGIN: &str = "  ";

/// A table's lines.
pub(super) fn columns(table: &Table) -> String {
    let titles = table.head.iter().map(|column| column.title().to_owned()).collect();
    let rows = table.rows.iter().map(|row| row.iter().map(|cell| printable(cell)).collect());
    let rows: Vec<Vec<String>> = std::iter::once(titles).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..table.head.len()).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (column, (cell, width)) in table.head.iter().zip(row.iter().zip(&widths)) {
            let _ = match column {
                Column::Words(_) => write!(line, "{MARGIN}{cell:<width$}"),
                Column::Figures(_) => write!(line, "{MARGIN}{cell:>width$}"),
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A paragraph of lines within the width, broken between words.
pub(super) fn paragraph(text: &str) -> String {
    let mut lines = vec![String::from(" ")];
    for word in printable(text).split_whitespace() {
        let length = lines.last().map_or(0, |line| line.chars().count());
        if length > 1 && length + 1 + word.chars().count() > WIDTH {
            lines.push(String::from(" "));
        }
        if let Some(line) = lines.last_mut() {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines.join("\n") + "\n"
}

/// A text without what could steer a terminal, for it may come from whoever sent a request.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}
