//! What rules find in one text: ranges that do not overlap, each with what becomes of it.

use std::ops::Range;

use crate::record::Redact;
use crate::record::RedactAction;
use crate::record::Sought;
use crate::record::guard::Guard;
use crate::record::guard::MASK;

/// One part of a text that must not be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) range: Range<usize>,
    pub(super) action: RedactAction,
}

/// Everything that rules find, from left to right. Where finds overlap they are one, under the action that tells less.
pub(super) fn all<'r>(rules: impl IntoIterator<Item = &'r Redact>, text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    for Redact { sought, action, .. } in rules {
        let mut take = |range: Range<usize>| {
            if !range.is_empty() {
                found.push(Found { range, action: *action });
            }
        };
        match sought {
            Sought::All => take(0..text.len()),
            Sought::Pattern(pattern) => pattern.find(text, &mut take),
            Sought::Regex(regex) => regex.0.find_iter(text).for_each(|it| take(it.range())),
        }
    }
    merged(found)
}

/// Joins what overlaps.
pub(super) fn merged(mut found: Vec<Found>) -> Vec<Found> {
    if found.len() < 2 {
        return found;
    }
    found.sort_by_key(|it| (it.range.start, it.range.end));
    let mut merged: Vec<Found> = Vec::with_capacity(found.len());
    for next in found {
        match merged.last_mut().filter(|last| next.range.start < last.range.end) {
            Some(last) => {
                last.range.end = last.range.end.max(next.range.end);
                last.action = tells_less(last.action, next.action);
            }
            None => merged.push(next),
        }
    }
    merged
}

fn tells_less(one: RedactAction, other: RedactAction) -> RedactAction {
    let order = |action: RedactAction| match action {
        RedactAction::Hash => 0,
        RedactAction::Mask => 1,
        RedactAction::Drop => 2,
    };
    if order(one) < order(other) { other } else { one }
}

impl Guard {
    /// A text with other words in the place of what was found.
    pub(super) fn substituted(&self, text: &str, found: &[Found]) -> String {
        substituted(text, found, |it| self.whole(it.action, &text[it.range.clone()]).unwrap_or_default())
    }
}

/// A text with a mask in the place of all that was found, whatever its action: what is left to be searched again.
pub(super) fn blanked(text: &str, found: &[Found]) -> String {
    substituted(text, found, |_| MASK.to_owned())
}

fn substituted(text: &str, found: &[Found], stand_in: impl Fn(&Found) -> String) -> String {
    let mut written = String::with_capacity(text.len());
    let mut end = 0;
    for it in found {
        written.push_str(&text[end..it.range.start]);
        written.push_str(&stand_in(it));
        end = it.range.end;
    }
    written.push_str(&text[end..]);
    written
}
