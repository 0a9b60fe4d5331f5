//! Telephone numbers, as far as they can be told from other numbers.
//!
//! With their country's code (ITU-T E.164: at most 15 digits), with a leading zero and separators as most of the world
//! writes them at home, or in the ten digits of North America, whose area and exchange begin with 2 to 9.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::record::guard::pattern::FEWEST_DIGITS;
use crate::record::guard::pattern::after;
use crate::record::guard::pattern::before;

static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
    let with_code = r"(?:\+|00)[1-9](?:[ ()./-]{0,3}[0-9]){6,14}";
    let north_america = r"(?:1[ .-]?)?\(?[2-9][0-9]{2}\)?[ ./-]{0,2}[2-9][0-9]{2}[ .-]?[0-9]{4}";
    let at_home = r"\(?0[1-9][0-9]{0,4}\)?[ /-]{1,3}[0-9]{3,8}(?:[ -][0-9]{2,5}){0,3}";
    Regex::new(&format!("{with_code}|{north_america}|{at_home}")).expect("the pattern is fixed and tested")
});

/// Finds the numbers.
pub(super) fn find(text: &str, take: &mut impl FnMut(Range<usize>)) {
    let mut from = 0;
    while let Some(found) = NUMBER.find_at(text, from) {
        let before = before(text, found.start());
        let is_part = before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '+'));
        match end(text, found.range()).filter(|_| !is_part) {
            Some(end) => {
                take(found.start()..end);
                from = end;
            }
            // All of a number is of ASCII, and none is long.
            None => from = found.start() + 1,
        }
    }
}

/// Where a number ends that an expression found; `None`: it is a part of something else.
fn end(text: &str, found: Range<usize>) -> Option<usize> {
    let number = &text[found.clone()];
    let has_code = number.starts_with(['+', '0']);
    match after(text, found.end) {
        // The next number may have been taken for its last digits.
        Some(next) if next.is_alphanumeric() || next == '_' => {
            let last = number.rfind(|c: char| !c.is_ascii_digit()).filter(|_| has_code)?;
            let whole = number[..last].trim_end_matches(|c: char| !c.is_ascii_digit());
            (whole.bytes().filter(u8::is_ascii_digit).count() >= FEWEST_DIGITS)
                .then_some(found.start + whole.len())
        }
        Some('.' | '-') if text.as_bytes().get(found.end + 1).is_some_and(u8::is_ascii_digit) => {
            has_code.then_some(found.end)
        }
        _ => Some(found.end),
    }
}

/// Says whether a document may hold one.
pub(super) fn may_be_in(text: &str) -> bool {
    NUMBER.is_match(text)
}
