//! Characters that do something to whoever reads a text, instead of being read.

/// Says whether a character steers a terminal or a page: control characters, ends of lines among them, and those that
/// turn the direction of text. Where somebody else's text is shown, an escape stands for them.
pub fn steers(c: char) -> bool {
    let turns =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turns
}
