//! IP addresses, as the standard library reads them.

use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::record::guard::pattern::after;
use crate::record::guard::pattern::before;

static CANDIDATE: LazyLock<Regex> = LazyLock::new(|| {
    let v4 = r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}";
    let written =
        format!(r"(?i-u:[0-9a-f]{{0,4}}(?::[0-9a-f]{{0,4}}){{2,8}}(?:{v4}|(?:\.[0-9]{{1,3}}){{3}})?|{v4})");
    Regex::new(&written).expect("the pattern is fixed and tested")
});

/// Finds the addresses.
pub(super) fn find(text: &str, take: &mut impl FnMut(Range<usize>)) {
    let mut from = 0;
    while let Some(found) = CANDIDATE.find_at(text, from) {
        let (before, after) = (before(text, found.start()), after(text, found.end()));
        let stands_alone = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
        let goes_on = before == Some('.') || (after == Some('.') && follows_digit(text, found.end() + 1));
        let length = address_bytes(found.as_str());
        match length.filter(|_| stands_alone(before) && stands_alone(after) && !goes_on) {
            Some(length) => {
                take(found.start()..found.start() + length);
                from = found.end();
            }
            // All of a candidate is of ASCII, and no candidate is long.
            None => from = found.start() + 1,
        }
    }
}

/// Says whether a document may hold one.
pub(super) fn may_be_in(text: &str) -> bool {
    CANDIDATE.is_match(text)
}

fn follows_digit(text: &str, at: usize) -> bool {
    text.as_bytes().get(at).is_some_and(u8::is_ascii_digit)
}

/// How much of a candidate is an address; `None`: nothing. A colon behind it is the sentence's.
fn address_bytes(candidate: &str) -> Option<usize> {
    if candidate.parse::<Ipv4Addr>().is_ok() {
        return Some(candidate.len());
    }
    let whole = [candidate, candidate.strip_suffix(':').unwrap_or(candidate)];
    let found = whole.into_iter().find(|text| text.parse::<Ipv6Addr>().is_ok())?;
    // Names in programs are joined by two colons as well.
    let is_name = !found.bytes().any(|byte| byte.is_ascii_digit()) && found.matches(':').count() < 3;
    (!is_name).then_some(found.len())
}
