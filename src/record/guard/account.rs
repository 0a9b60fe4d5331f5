//! Numbers of cards and of bank accounts, which carry their own check.
//!
//! Luhn's digit is of US patent 2,950,048 (1960) and ISO/IEC 7812-1; an IBAN's remainder is of ISO 13616 and ISO 7064
//! (MOD 97-10), its lengths are of SWIFT's registry of IBANs.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::record::guard::pattern::after;
use crate::record::guard::pattern::before;
use crate::record::guard::pattern::is_word;

/// The digits of the shortest card.
pub(super) const FEWEST_CARD_DIGITS: usize = 12;
const MOST_CARD_DIGITS: usize = 19;
/// The most groups that a card is printed in.
const MOST_GROUPS: usize = 5;

/// The bytes of the shortest IBAN.
pub(super) const FEWEST_IBAN_BYTES: usize = 15;

/// How long the IBANs of a country are.
const IBANS: [(&str, usize); 84] = [
    ("AD", 24),
    ("AE", 23),
    ("AL", 28),
    ("AT", 20),
    ("AZ", 28),
    ("BA", 20),
    ("BE", 16),
    ("BG", 22),
    ("BH", 22),
    ("BI", 27),
    ("BR", 29),
    ("BY", 28),
    ("CH", 21),
    ("CR", 22),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DJ", 27),
    ("DK", 18),
    ("DO", 28),
    ("EE", 20),
    ("EG", 29),
    ("ES", 24),
    ("FI", 18),
    ("FK", 18),
    ("FO", 18),
    ("FR", 27),
    ("GB", 22),
    ("GE", 22),
    ("GI", 23),
    ("GL", 18),
    ("GR", 27),
    ("GT", 28),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IL", 23),
    ("IQ", 23),
    ("IS", 26),
    ("IT", 27),
    ("JO", 30),
    ("KW", 30),
    ("KZ", 20),
    ("LB", 28),
    ("LC", 32),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("LY", 25),
    ("MC", 27),
    ("MD", 24),
    ("ME", 22),
    ("MK", 19),
    ("MN", 20),
    ("MR", 27),
    ("MT", 31),
    ("MU", 30),
    ("NI", 28),
    ("NL", 18),
    ("NO", 15),
    ("OM", 23),
    ("PK", 24),
    ("PL", 28),
    ("PS", 29),
    ("PT", 25),
    ("QA", 29),
    ("RO", 24),
    ("RS", 22),
    ("SA", 24),
    ("SC", 31),
    ("SD", 18),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("SM", 27),
    ("SO", 23),
    ("ST", 25),
    ("SV", 28),
    ("TL", 23),
    ("TN", 24),
    ("TR", 26),
    ("UA", 29),
    ("VA", 22),
];
const MORE_IBANS: [(&str, usize); 3] = [("VG", 24), ("XK", 20), ("YE", 30)];

/// Digits in one run or in groups of at least three, as cards are printed.
static DIGITS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"[0-9]{3,}(?:[ -][0-9]{3,})+|[0-9]{12,}").expect("the pattern is fixed and tested")
});

/// A country, two digits, and what may follow in groups.
static IBAN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i-u:[a-z]{2}[0-9]{2}(?:[ -]?[a-z0-9]){11})").expect("the pattern is fixed and tested")
});

/// Finds the numbers of cards.
pub(super) fn cards(text: &str, take: &mut impl FnMut(Range<usize>)) {
    for run in DIGITS.find_iter(text) {
        let mut groups = groups(run.as_str(), run.start());
        // Digits of a word or of a fraction are no group of a card.
        let begins_within = before(text, run.start()).is_some_and(|c| c.is_alphanumeric() || c == '.');
        let ends_within = is_word(after(text, run.end()));
        groups.truncate(groups.len() - usize::from(ends_within));
        let mut first = usize::from(begins_within);
        while first < groups.len() {
            let most = groups.len().min(first + MOST_GROUPS);
            let last = (first..most).rev().find(|last| is_card(text, &groups[first..=*last]));
            match last {
                Some(last) => {
                    take(groups[first].start..groups[last].end);
                    first = last + 1;
                }
                None => first += 1,
            }
        }
    }
}

/// Says whether a document may hold a card.
pub(super) fn may_be_card(text: &str) -> bool {
    DIGITS
        .find_iter(text)
        .any(|run| run.as_str().bytes().filter(u8::is_ascii_digit).count() >= FEWEST_CARD_DIGITS)
}

/// Where the groups of a run stand in the text.
fn groups(run: &str, begin: usize) -> Vec<Range<usize>> {
    let mut at = begin;
    let parts = run.split([' ', '-']).map(|group| {
        let range = at..at + group.len();
        at = range.end + 1;
        range
    });
    parts.collect()
}

/// Says whether groups of digits are one card: of its length, of a network that gives cards out, and with Luhn's digit.
fn is_card(text: &str, groups: &[Range<usize>]) -> bool {
    let length: usize = groups.iter().map(Range::len).sum();
    if !(FEWEST_CARD_DIGITS..=MOST_CARD_DIGITS).contains(&length) {
        return false;
    }
    let digits =
        groups.iter().flat_map(|group| text[group.clone()].bytes()).map(|byte| u32::from(byte - b'0'));
    let first = text.as_bytes()[groups[0].start];
    matches!(first, b'2'..=b'6') && has_luhn_digit(&digits.collect::<Vec<u32>>())
}

/// Says whether the last digit is the one that Luhn's formula asks for.
pub(super) fn has_luhn_digit(digits: &[u32]) -> bool {
    let doubled = |digit: u32| if digit > 4 { 2 * digit - 9 } else { 2 * digit };
    let weighed = digits.iter().rev().enumerate();
    let sum: u32 = weighed.map(|(place, digit)| if place % 2 == 1 { doubled(*digit) } else { *digit }).sum();
    sum.is_multiple_of(10)
}

/// Finds the numbers of accounts.
pub(super) fn ibans(text: &str, take: &mut impl FnMut(Range<usize>)) {
    let mut from = 0;
    while let Some(begun) = IBAN.find_at(text, from) {
        match iban_end(text, begun.start()) {
            Some(end) => {
                take(begun.start()..end);
                from = end;
            }
            // Its first letter is of ASCII.
            None => from = begun.start() + 1,
        }
    }
}

/// Says whether a document may hold an account.
pub(super) fn may_be_iban(text: &str) -> bool {
    IBAN.is_match(text)
}

/// Where the IBAN that begins here ends; `None`: there is none.
fn iban_end(text: &str, begin: usize) -> Option<usize> {
    if is_word(before(text, begin)) {
        return None;
    }
    let country = text.get(begin..begin + 2)?.to_ascii_uppercase();
    let known = IBANS.iter().chain(&MORE_IBANS).find(|(name, _)| *name == country);
    let (_, length) = known?;
    let mut letters = Vec::with_capacity(*length);
    let mut end = begin;
    for (at, byte) in text.bytes().enumerate().skip(begin) {
        match byte {
            b' ' | b'-' if !letters.is_empty() => continue,
            letter if letter.is_ascii_alphanumeric() => letters.push(letter.to_ascii_uppercase()),
            _ => break,
        }
        end = at + 1;
        if letters.len() == *length {
            break;
        }
    }
    (letters.len() == *length && !is_word(after(text, end)) && has_iban_remainder(&letters)).then_some(end)
}

/// Says whether an IBAN of upper-case letters and digits leaves the remainder 1.
pub(super) fn has_iban_remainder(letters: &[u8]) -> bool {
    let (head, tail) = letters.split_at(letters.len().min(4));
    let value = |letter: &u8| match letter {
        b'0'..=b'9' => (u32::from(letter - b'0'), 10),
        _ => (u32::from(letter - b'A') + 10, 100),
    };
    let remainder =
        tail.iter().chain(head).map(value).fold(0, |sum, (value, shift)| (sum * shift + value) % 97);
    remainder == 1
}
