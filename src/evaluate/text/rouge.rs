//! ROUGE (Lin 2004) as rouge-score computes it: how much of a reference text another text covers.
//!
//! ROUGE was made for English, and its usual reader of words throws away all but ASCII letters and digits: of two
//! identical Chinese texts the score is 0. So a reader for all scripts stands beside it, and which one was used
//! belongs to the score.

use serde::Deserialize;
use serde::Serialize;
use unicode_normalization::UnicodeNormalization;

use crate::evaluate::text::ngrams;
use crate::evaluate::text::porter::stem;
use crate::evaluate::text::rouge_lines::shared_by_line;
use crate::evaluate::text::subsequence;
use crate::evaluate::text::words::is_letter_or_number;
use crate::evaluate::text::words::is_mark;

/// What two texts must have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Rouge {
    /// Words.
    #[serde(rename = "rouge1")]
    One,
    /// Pairs of neighbouring words.
    #[serde(rename = "rouge2")]
    Two,
    /// The longest sequence of words, in order but not necessarily adjacent.
    #[serde(rename = "rougeL")]
    Longest,
    /// For each line of the reference, the union of its longest such sequences with the lines of the other text; no
    /// word is counted more often than both texts hold it.
    #[serde(rename = "rougeLsum")]
    LongestByLine,
}

/// What a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RougeWords {
    /// A run of ASCII letters and digits, in lower case; everything else separates.
    Ascii,
    /// The same, of words longer than three characters the stem (Porter 1980 with the extensions of NLTK).
    AsciiStems,
    /// A run of letters, numbers and marks of any script, composed (NFC) and in lower case; each Chinese character,
    /// kana and Hangul syllable is a word of its own.
    Unicode,
}

/// How much two texts share, each from 0 to 1; all 0 when either has no words.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct RougeScore {
    /// Of what the hypothesis says, the share that the reference says too.
    pub precision: f64,
    /// Of what the reference says, the share that the hypothesis says too.
    pub recall: f64,
    /// The harmonic mean of both.
    pub f1: f64,
}

impl Rouge {
    /// Compares a text with its reference.
    ///
    /// Takes memory in proportion to the texts or little more. [`Rouge::One`] and [`Rouge::Two`] take time in
    /// proportion to the texts too; [`Rouge::Longest`] to the product of their words / 64, a fiftieth of a second for
    /// 20,000 words each. [`Rouge::LongestByLine`] takes as much for long lines, but it compares each pair of lines
    /// that share a word: with 12,000 short lines each, all with one word in common, ten seconds. So bound the number
    /// of lines where a text may be anything.
    pub fn score(self, words: RougeWords, reference: &str, hypothesis: &str) -> RougeScore {
        match self {
            Self::One => runs(1, &words.read(reference), &words.read(hypothesis)),
            Self::Two => runs(2, &words.read(reference), &words.read(hypothesis)),
            Self::Longest => longest(&words.read(reference), &words.read(hypothesis)),
            Self::LongestByLine => {
                let read = |text: &str| text.split('\n').map(|line| words.read(line)).collect::<Vec<_>>();
                let (reference, hypothesis) = (read(reference), read(hypothesis));
                let count = |lines: &[Vec<String>]| lines.iter().map(|line| line.len() as u64).sum();
                let shared = shared_by_line(&reference, &hypothesis);
                RougeScore::of(shared, count(&reference), count(&hypothesis))
            }
        }
    }
}

impl RougeScore {
    fn of(shared: u64, reference: u64, hypothesis: u64) -> Self {
        if shared == 0 {
            return Self::default();
        }
        let shared = shared as f64;
        let (precision, recall) = (shared / hypothesis as f64, shared / reference as f64);
        Self { precision, recall, f1: 2.0 * precision * recall / (precision + recall) }
    }
}

fn runs(order: usize, reference: &[String], hypothesis: &[String]) -> RougeScore {
    let (reference, hypothesis) = (ngrams::counted(reference, order), ngrams::counted(hypothesis, order));
    let shared = ngrams::shared(&reference, &hypothesis);
    RougeScore::of(shared, reference.values().sum(), hypothesis.values().sum())
}

fn longest(reference: &[String], hypothesis: &[String]) -> RougeScore {
    let shared = subsequence::length(&borrowed(reference), &borrowed(hypothesis));
    RougeScore::of(shared as u64, reference.len() as u64, hypothesis.len() as u64)
}

fn borrowed(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

impl RougeWords {
    fn read(self, text: &str) -> Vec<String> {
        match self {
            Self::Ascii => ascii(text),
            Self::AsciiStems => {
                let stemmed = |word: String| if word.len() > 3 { stem(&word) } else { word };
                ascii(text).into_iter().map(stemmed).filter(|word| !word.is_empty()).collect()
            }
            Self::Unicode => unicode(text),
        }
    }
}

fn ascii(text: &str) -> Vec<String> {
    let text = text.to_lowercase();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn unicode(text: &str) -> Vec<String> {
    let text = text.nfc().collect::<String>().to_lowercase();
    let mut words = vec![String::new()];
    for c in text.chars() {
        if stands_alone(c) {
            words.extend([c.to_string(), String::new()]);
        } else if is_letter_or_number(c) || is_mark(c) {
            words.last_mut().expect("one word is always open").push(c);
        } else {
            words.push(String::new());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// A character of a script that puts no space between words.
fn stands_alone(c: char) -> bool {
    matches!(c,
        '\u{3040}'..='\u{30ff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{20000}'..='\u{2fa1f}')
}
