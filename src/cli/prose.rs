//! How numbers and paragraphs are printed for people.

/// A share as a percentage of three digits or so.
pub(super) fn percent(share: f64) -> String {
    format!("{} %", figures(100.0 * share))
}

/// A number of three digits, and of all before the point.
pub(super) fn figures(number: f64) -> String {
    let size = number.abs();
    let digits = if size == 0.0 { 0.0 } else { (2.0 - size.log10().floor()).clamp(0.0, 12.0) };
    let text = format!("{number:.*}", digits as usize);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Broken into lines of at most 100 characters.
pub(super) fn wrapped(text: &str) -> String {
    const WIDTH: usize = 100;
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + 1 + word.len() <= WIDTH => line.extend([" ", word]),
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

/// Rows with columns as wide as they must be, under the titles of the first row: figures to the right, words to the
/// left.
pub(super) fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let cells = |column: usize| rows.iter().filter_map(move |row| row.get(column));
    let widths: Vec<usize> =
        (0..count).map(|column| cells(column).map(|cell| cell.chars().count()).max().unwrap_or(0)).collect();
    let is_figure =
        |cell: &String| cell.is_empty() || cell.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    let figures: Vec<bool> = (0..count).map(|column| cells(column).skip(1).all(is_figure)).collect();
    let line = |row: &Vec<String>| {
        let padded = row.iter().zip(&widths).zip(&figures);
        let padded = padded.map(
            |((cell, width), figure)| {
                if *figure { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
            },
        );
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Each line two places to the right.
pub(super) fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}
