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
