//! Telephone numbers, as far as they can be told from other numbers.
//!
//! With their country's code (ITU-T E.164: at most 15 digits), with a leading zero and separators as most of the world
//! writes them at home, or in the ten digits of North America, whose area and exchange begin with 2 to 9.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

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
        let goes_on = match after(text, found.end()) {
            Some('.' | '-') => text.as_bytes().get(found.end() + 1).is_some_and(u8::is_ascii_digit),
            next => next.is_some_and(|c| c.is_alphanumeric() || c == '_'),
        };
        // All of a number is of ASCII, and none is long.
        from = if is_part || goes_on { found.start() + 1 } else { found.end() };
        if !is_part && !goes_on {
            take(found.range());
        }
    }
}

/// Says whether a document may hold one.
pub(super) fn may_be_in(text: &str) -> bool {
    NUMBER.is_match(text)
}
