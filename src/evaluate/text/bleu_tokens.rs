//! The tokens that BLEU counts, as sacreBLEU 2 makes them.
//!
//! A BLEU score means nothing without its tokenizer, so each of these gives just the tokens that the tokenizer of
//! that name gives there, oddities included.

use serde::Deserialize;
use serde::Serialize;

use crate::evaluate::text::words::is_space;

/// How BLEU reads a text. Scores of different readings cannot be compared: keep it with the score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BleuReading {
    /// What a token is.
    pub tokenizer: BleuTokenizer,
    /// Whether upper and lower case differ.
    pub case: Case,
}

/// What a token is, under the names of sacreBLEU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum BleuTokenizer {
    /// Words and punctuation marks of a text in a Western language, as the script `mteval-v13a` reads them.
    #[default]
    #[serde(rename = "13a")]
    Mteval13a,
    /// Each character but white space.
    #[serde(rename = "char")]
    Characters,
    /// Each Chinese character; the rest as in `13a`.
    #[serde(rename = "zh")]
    Chinese,
    /// What stands between white space, for texts that are tokenized already.
    #[serde(rename = "none")]
    WhiteSpace,
}

/// Whether upper and lower case differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Case {
    /// They do.
    #[default]
    Kept,
    /// The text is put in lower case first.
    Lowered,
}

impl BleuReading {
    /// The text with white space between its tokens.
    pub(super) fn spaced(self, text: &str) -> String {
        let lowered = match self.case {
            Case::Kept => None,
            Case::Lowered => Some(text.to_lowercase()),
        };
        let text = lowered.as_deref().unwrap_or(text).trim_end_matches(is_space);
        match self.tokenizer {
            BleuTokenizer::Mteval13a => mteval_13a(text),
            BleuTokenizer::Characters => text.chars().flat_map(|c| [c, ' ']).collect(),
            BleuTokenizer::Chinese => chinese(text),
            BleuTokenizer::WhiteSpace => text.to_owned(),
        }
    }
}

fn mteval_13a(text: &str) -> String {
    let text = text.replace("<skipped>", "").replace("-\n", "").replace('\n', " ");
    let text = text.replace("&quot;", "\"").replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">");
    western(&format!(" {text} "))
}

fn chinese(text: &str) -> String {
    let mut spaced = String::with_capacity(2 * text.len());
    for c in text.trim_start_matches(is_space).chars() {
        if is_chinese(c) {
            spaced.extend([' ', c, ' ']);
        } else {
            spaced.push(c);
        }
    }
    western(&spaced)
}

/// Sets punctuation apart, but not the apostrophe, not the dash except after a digit, and not the full stop and the
/// comma between digits.
fn western(text: &str) -> String {
    let mut apart = String::with_capacity(2 * text.len());
    for c in text.chars() {
        if matches!(c, ' '..='&' | '('..='+' | '/' | ':'..='@' | '['..='`' | '{'..='~') {
            apart.extend([' ', c, ' ']);
        } else {
            apart.push(c);
        }
    }
    let digit = |c: char| c.is_ascii_digit();
    let stop = |c: char| c == '.' || c == ',';
    let apart = rewrite_pairs(&apart, |a, b| !digit(a) && stop(b), |a, b| [a, ' ', b, ' ']);
    let apart = rewrite_pairs(&apart, |a, b| stop(a) && !digit(b), |a, b| [' ', a, ' ', b]);
    rewrite_pairs(&apart, |a, b| digit(a) && b == '-', |a, b| [a, ' ', b, ' '])
}

/// Rewrites each pair of neighbours that is matched, from the left; a character that was rewritten is not matched
/// again.
fn rewrite_pairs(
    text: &str,
    matched: impl Fn(char, char) -> bool,
    rewritten: impl Fn(char, char) -> [char; 4],
) -> String {
    let mut result = String::with_capacity(text.len() + text.len() / 4);
    let mut rest = text.chars().peekable();
    while let Some(first) = rest.next() {
        match rest.next_if(|second| matched(first, *second)) {
            Some(second) => result.extend(rewritten(first, second)),
            None => result.push(first),
        }
    }
    result
}

/// What sacreBLEU takes for a Chinese character. Two of its ranges lie beyond U+FFFF and are written with escapes of
/// four digits, so that they cover U+2001 to U+2A6D instead, quotation marks and dashes among them, and none of the
/// rare ideographs they were meant for.
fn is_chinese(c: char) -> bool {
    matches!(c,
        '\u{2001}'..='\u{2a6d}'
        | '\u{2e80}'..='\u{2fdf}'
        | '\u{2ff0}'..='\u{303f}'
        | '\u{3100}'..='\u{312f}'
        | '\u{31a0}'..='\u{31bf}'
        | '\u{31c0}'..='\u{31ef}'
        | '\u{3200}'..='\u{4db5}'
        | '\u{4e00}'..='\u{9fbb}'
        | '\u{f900}'..='\u{fa2d}'
        | '\u{fa30}'..='\u{fa6a}'
        | '\u{fa70}'..='\u{fad9}'
        | '\u{fe10}'..='\u{fe1f}'
        | '\u{fe30}'..='\u{fe4f}'
        | '\u{ff00}'..='\u{ffef}')
}
