//! The patterns that a policy names: what each finds, and what only looks like it.
//!
//! An expression proposes, and what it proposes is checked: a card by its digit of Luhn, an account by its remainder,
//! an address by parsing it. Expressions have no look at what stands around; that is checked here, so that one that
//! finds nothing in a document finds nothing in any text of it.

use std::ops::Range;
use std::sync::LazyLock;

use memchr::memchr;
use memchr::memchr2;
use regex::Regex;

use crate::record::guard::account;
use crate::record::guard::address;
use crate::record::guard::phone;
use crate::record::guard::telling;

/// The fewest digits of anything that a pattern finds in a bare number.
pub(super) const FEWEST_DIGITS: usize = 7;

/// A kind of text that is somebody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// Addresses of electronic mail.
    Email,
    /// Telephone numbers: with their country's code, with a leading zero and separators, or as North America writes
    /// them.
    Phone,
    /// Numbers of payment cards that pass Luhn's check.
    Card,
    /// International bank account numbers that pass the check of ISO 7064.
    Iban,
    /// Keys that bear the mark of who gave them out, and JSON web tokens.
    ApiKey,
    /// IPv4 and IPv6 addresses.
    Ip,
    /// Private keys, passwords in URLs, and what stands beside a name such as `password`, `token` or `bearer`.
    Secret,
}

/// Of the signs that a name may hold, those that stand in names and not between them.
static EMAIL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"[\w.+'#$~-]+@\w(?:[\w-]*\w)?(?:\.\w(?:[\w-]*\w)?)+")
        .expect("the pattern is fixed and tested")
});

/// The marks of keys, each with what follows it.
const KEYS: [&str; 33] = [
    "sk-[a-z0-9_-]{16,}",
    "(?:sk|rk|pk)_(?:live|test)_[a-z0-9]{10,}",
    "whsec_[a-z0-9+/=]{16,}",
    "gh[pousr]_[a-z0-9]{20,}",
    "github_pat_[a-z0-9_]{20,}",
    "gl(?:pat|ptt|dt|rt|cbt|soat)-[a-z0-9_-]{16,}",
    "(?:akia|asia|agpa|aida|aroa|anpa|anva)[a-z0-9]{16}",
    "xox[abeoprs]-[a-z0-9-]{10,}",
    "xapp-[a-z0-9-]{10,}",
    "hooks\\.slack\\.com/services/[a-z0-9/_-]{16,}",
    "aiza[a-z0-9_-]{30,}",
    "ya29\\.[a-z0-9_-]{20,}",
    "sg\\.[a-z0-9_-]{16,}\\.[a-z0-9_-]{16,}",
    "hf_[a-z0-9]{20,}",
    "r8_[a-z0-9]{20,}",
    "gsk_[a-z0-9]{20,}",
    "xai-[a-z0-9]{20,}",
    "pplx-[a-z0-9]{20,}",
    "nvapi-[a-z0-9_-]{20,}",
    "npm_[a-z0-9]{30,}",
    "pypi-[a-z0-9_-]{30,}",
    "do[opr]_v1_[a-f0-9]{40,}",
    "shp(?:at|ca|pa|ss)_[a-f0-9]{20,}",
    "sq0[a-z]{3}-[a-z0-9_-]{20,}",
    "key-[a-f0-9]{32}",
    "[a-f0-9]{32}-us[0-9]{1,2}",
    "dapi[a-f0-9]{32}",
    "eaaa[a-z0-9]{30,}",
    "hv[sbr]\\.[a-z0-9_-]{20,}",
    "lin_api_[a-z0-9]{20,}",
    "atatt3[a-z0-9_=-]{20,}",
    "accountkey=[a-z0-9+/=]{20,}",
    "eyj[a-z0-9_-]{8,}\\.[a-z0-9_-]{4,}(?:\\.[a-z0-9_-]*){0,3}",
];

/// Headers' names come in lower case, so keys are found in any.
static API_KEY: LazyLock<Regex> = LazyLock::new(|| {
    // Without Unicode no letter beyond ASCII is the other case of one of these.
    let written = format!("(?:^|[^a-zA-Z0-9])(?i-u:{})", KEYS.join("|"));
    Regex::new(&written).expect("the pattern is fixed and tested")
});

/// The shortest of them.
const SHORTEST_KEY: usize = 16;

impl Pattern {
    /// Finds every place, from left to right; places of one pattern do not overlap.
    pub(super) fn find(self, text: &str, take: &mut impl FnMut(Range<usize>)) {
        match self {
            Pattern::Email => emails(text, take),
            Pattern::Phone if has_digits(text, FEWEST_DIGITS) => phone::find(text, take),
            Pattern::Card if has_digits(text, account::FEWEST_CARD_DIGITS) => account::cards(text, take),
            Pattern::Iban if text.len() >= account::FEWEST_IBAN_BYTES => account::ibans(text, take),
            Pattern::ApiKey if text.len() >= SHORTEST_KEY => keys(text, take),
            Pattern::Ip if memchr2(b'.', b':', text.as_bytes()).is_some() => address::find(text, take),
            Pattern::Secret if text.len() >= telling::FEWEST_BYTES => telling::find(text, take),
            Pattern::Phone | Pattern::Card | Pattern::Iban | Pattern::ApiKey => {}
            Pattern::Ip | Pattern::Secret => {}
        }
    }

    /// Says whether a document may hold one; where it says no, none of its texts does.
    pub(super) fn may_be_in(self, document: &str) -> bool {
        match self {
            Pattern::Email => memchr(b'@', document.as_bytes()).is_some(),
            Pattern::Phone => phone::may_be_in(document),
            Pattern::Card => account::may_be_card(document),
            Pattern::Iban => account::may_be_iban(document),
            Pattern::ApiKey => API_KEY.is_match(document),
            Pattern::Ip => address::may_be_in(document),
            Pattern::Secret => telling::may_be_in(document),
        }
    }
}

fn emails(text: &str, take: &mut impl FnMut(Range<usize>)) {
    if memchr(b'@', text.as_bytes()).is_none() {
        return;
    }
    let mut from = 0;
    while let Some(found) = EMAIL.find_at(text, from) {
        let last = found.as_str().rsplit('.').next().unwrap_or_default();
        // Numbers are no top-level domain, and neither is one letter.
        if last.chars().nth(1).is_some() && !last.bytes().all(|byte| byte.is_ascii_digit()) {
            take(found.range());
            from = found.end();
        } else {
            // What stands behind the sign may be the name of another.
            from = found.start() + found.as_str().find('@').unwrap_or(0) + 1;
        }
    }
}

fn keys(text: &str, take: &mut impl FnMut(Range<usize>)) {
    for found in API_KEY.find_iter(text) {
        // The expression takes the character before along, which no mark begins with.
        let boundary = found.as_str().chars().next().filter(|c| !c.is_ascii_alphanumeric());
        take(found.start() + boundary.map_or(0, char::len_utf8)..found.end());
    }
}

/// The character before a place.
pub(super) fn before(text: &str, at: usize) -> Option<char> {
    text[..at].chars().next_back()
}

/// The character at a place.
pub(super) fn after(text: &str, at: usize) -> Option<char> {
    text[at..].chars().next()
}

/// Says whether a character goes on with a word.
pub(super) fn is_word(c: Option<char>) -> bool {
    c.is_some_and(char::is_alphanumeric)
}

/// Says whether a text has so many digits at least.
fn has_digits(text: &str, fewest: usize) -> bool {
    text.len() >= fewest && text.bytes().filter(u8::is_ascii_digit).nth(fewest - 1).is_some()
}
