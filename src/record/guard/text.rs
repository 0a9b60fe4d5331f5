//! Cleans one text: a header's value, a parameter, a string of a JSON body.

use serde_json::Value;

use crate::record::Redact;
use crate::record::guard::Guard;
use crate::record::guard::found;
use crate::record::guard::views;

/// How deep a text is looked into that holds JSON which holds texts.
const NESTED: u8 = 4;

impl Guard {
    /// The text with what rules look for replaced; `None`: there is nothing of it in there.
    ///
    /// JSON inside the text is cleaned as JSON. What comes to light only where escapes are undone cannot be cut out of
    /// the text as it stands, so then the whole text goes.
    pub(super) fn cleaned(&self, rules: &[Redact], text: &str) -> Option<String> {
        self.cleaned_to(rules, text, NESTED)
    }

    pub(super) fn cleaned_to(&self, rules: &[Redact], text: &str, depth: u8) -> Option<String> {
        if rules.is_empty() || text.is_empty() {
            return None;
        }
        let inner = self.cleaned_json(rules, text, depth);
        let base = inner.as_deref().unwrap_or(text);
        let found = found::all(rules, base);
        if views::may_differ(base) {
            let left = found::blanked(base, &found);
            let hidden = views::of(&left).into_iter().find_map(|view| found::all(rules, &view).pop());
            if let Some(hidden) = hidden {
                return Some(self.whole(hidden.action, text).unwrap_or_default());
            }
        }
        if found.is_empty() { inner } else { Some(self.substituted(base, &found)) }
    }

    /// The text with what stands there in so many words replaced.
    pub(super) fn replaced(&self, rules: &[Redact], text: &str) -> Option<String> {
        let found = found::all(rules, text);
        (!found.is_empty()).then(|| self.substituted(text, &found))
    }

    fn cleaned_json(&self, rules: &[Redact], text: &str, depth: u8) -> Option<String> {
        let may_be = depth > 0 && text.trim_start().starts_with(['{', '[', '"']);
        let mut document: Value = may_be.then(|| serde_json::from_str(text).ok()).flatten()?;
        self.clean_tree(rules, &mut document, depth - 1).then(|| document.to_string())
    }
}
