//! The guard: everything that the policy says must not be written, compiled once, and what becomes of it.
//!
//! It knows places (headers, parameters, JSON paths) and what is sought in texts, but no request: `redact` brings the
//! two together. Nothing here fails. What cannot be searched is withheld whole by the caller, and more is taken out
//! rather than less.

mod account;
mod address;
mod allowed;
mod found;
mod pattern;
mod phone;
mod stream;
mod telling;
mod text;
mod tree;
mod views;

#[cfg(test)]
mod tests;

pub use pattern::Pattern;
pub(super) use views::escaped;

use std::borrow::Cow;

use http::HeaderName;

use crate::record::HeaderChoice;
use crate::record::Redact;
use crate::record::RedactAction;
use crate::record::RedactTarget;
use crate::record::Settings;
use crate::record::Sought;
use crate::record::digest;
use crate::vocab::Secret;

/// What stands for a value that was masked.
pub const MASK: &str = "***";

/// What is taken out before anything is written, and how. Cloning copies the rules.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    rules: Vec<Redact>,
    /// The rules that look for something in every text there is.
    everywhere: Vec<Redact>,
    headers: HeaderChoice,
    hash_key: Option<Secret>,
}

impl Guard {
    /// Takes the rules of the record's settings.
    pub fn new(settings: &Settings) -> Self {
        let Settings { redact: rules, headers, hash_key, .. } = settings;
        let everywhere = |rule: &&Redact| rule.target == RedactTarget::Everywhere;
        Self {
            everywhere: rules.iter().filter(everywhere).cloned().collect(),
            rules: rules.clone(),
            headers: headers.clone(),
            hash_key: hash_key.clone(),
        }
    }

    /// A text with everything taken out of it that rules look for everywhere.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.cleaned(&self.everywhere, text).map_or(Cow::Borrowed(text), Cow::Owned)
    }

    /// A text without what these rules look for; `None`: there is nothing of it in there.
    pub(super) fn text_by(&self, rules: &[Redact], text: &str) -> Option<String> {
        self.cleaned(rules, text)
    }

    /// What stands for the value of a name that promises a secret, where rules look for secrets everywhere.
    pub(super) fn promised(&self, name: &str, value: &str) -> Option<String> {
        let secret = |rule: &&Redact| rule.sought == Sought::Pattern(Pattern::Secret);
        let rule = self.everywhere.iter().find(secret).filter(|_| telling::is_telling(name))?;
        Some(self.whole(rule.action, value).unwrap_or_default())
    }

    /// A whole body that is text, likewise; `is_cut`: it may go on after its end. `None`: it cannot be cleaned.
    pub fn body(&self, text: &str, is_cut: bool) -> Option<String> {
        self.clean_body(&self.everywhere, text, is_cut).ok()
    }

    /// A path of a URL, likewise, percent-encoded or not.
    pub fn path<'t>(&self, path: &'t str) -> Cow<'t, str> {
        if self.everywhere.is_empty() {
            return Cow::Borrowed(path);
        }
        let cleaned: Vec<Cow<'_, str>> = path.split('/').map(|segment| self.text(segment)).collect();
        let is_clean = cleaned.iter().all(|segment| matches!(segment, Cow::Borrowed(_)));
        let joined = cleaned.join("/");
        match self.replaced(&self.everywhere, &joined) {
            None if is_clean => Cow::Borrowed(path),
            None => Cow::Owned(escaped(&joined, "/%")),
            Some(left) => Cow::Owned(escaped(&left, "/%")),
        }
    }

    /// Says whether anything is looked for in every text.
    pub fn searches(&self) -> bool {
        !self.everywhere.is_empty()
    }

    /// All rules, in the order of the policy.
    pub(super) fn rules(&self) -> &[Redact] {
        &self.rules
    }

    /// The rules that look for something in every text.
    pub(super) fn everywhere(&self) -> &[Redact] {
        &self.everywhere
    }

    /// Says whether the values of a header are written.
    pub(super) fn lists(&self, name: &HeaderName) -> bool {
        self.headers.lists(name)
    }

    /// What the action `hash` makes of a value: keyed, where the policy has a key.
    pub(super) fn digest(&self, value: &[u8]) -> String {
        digest::of_value(value, self.hash_key.as_ref())
    }

    /// What an action makes of a whole text; `None`: nothing is left.
    pub(super) fn whole(&self, action: RedactAction, text: &str) -> Option<String> {
        match action {
            RedactAction::Mask => Some(MASK.to_owned()),
            RedactAction::Hash => Some(self.digest(text.as_bytes())),
            RedactAction::Drop => None,
        }
    }
}

impl Redact {
    /// Says whether the rule would change this text, if it stood where the rule applies.
    pub fn changes(&self, text: &str) -> bool {
        match self.sought {
            Sought::All => true,
            _ => Guard::default().cleaned(std::slice::from_ref(self), text).is_some(),
        }
    }
}
