//! Cleans a JSON document: every string in it, every name of a member, every number that could be one of somebody's.

use std::borrow::Cow;

use serde_json::Map;
use serde_json::Value;

use crate::record::Redact;
use crate::record::Sought;
use crate::record::guard::Guard;
use crate::record::guard::MASK;
use crate::record::guard::Pattern;
use crate::record::guard::found;
use crate::record::guard::pattern;
use crate::record::guard::telling;
use crate::record::guard::views;

/// How deep texts inside the document are looked into that hold JSON themselves.
const NESTED: u8 = 4;

impl Guard {
    /// Cleans a document in place; says whether that changed it.
    pub(in crate::record) fn clean_document(&self, rules: &[Redact], document: &mut Value) -> bool {
        !rules.is_empty() && self.clean_tree(rules, document, NESTED)
    }

    /// Says whether a JSON text may hold something that rules look for; quickly, and wrongly only where it holds none.
    pub(in crate::record) fn may_change(rules: &[Redact], json: &str) -> bool {
        let may = |rule: &Redact| match rule.sought {
            Sought::Pattern(pattern) => pattern.may_be_in(json),
            Sought::Regex(_) | Sought::All => true,
        };
        !rules.is_empty() && (views::may_differ(json) || rules.iter().any(may))
    }

    /// Says whether rules would change a value.
    pub(in crate::record) fn changes(&self, rules: &[Redact], value: &Value) -> bool {
        !rules.is_empty() && self.clean_tree(rules, &mut value.clone(), NESTED)
    }

    pub(super) fn clean_tree(&self, rules: &[Redact], value: &mut Value, depth: u8) -> bool {
        match value {
            Value::Null | Value::Bool(_) => false,
            Value::String(text) => match self.cleaned_to(rules, text, depth) {
                Some(cleaned) => {
                    *text = cleaned;
                    true
                }
                None => false,
            },
            Value::Number(number) => match self.cleaned_number(rules, number.as_str()) {
                Some(cleaned) => {
                    *value = cleaned;
                    true
                }
                None => false,
            },
            Value::Array(elements) => {
                let clean = |changed, element| self.clean_tree(rules, element, depth) | changed;
                elements.iter_mut().fold(false, clean)
            }
            Value::Object(members) => self.clean_object(rules, members, depth),
        }
    }

    /// What stands for a number; `None`: it is nobody's. A fraction is none, and digits that it has by chance are many.
    fn cleaned_number(&self, rules: &[Redact], digits: &str) -> Option<Value> {
        let is_short = digits.len() < pattern::FEWEST_DIGITS || digits.contains(['.', 'e', 'E']);
        let applies = |rule: &&Redact| !is_short || matches!(rule.sought, Sought::Regex(_));
        let found = found::all(rules.iter().filter(applies), digits);
        if found.is_empty() {
            return None;
        }
        let cleaned = self.substituted(digits, &found);
        Some(if cleaned.is_empty() { Value::Null } else { cleaned.into() })
    }

    fn clean_object(&self, rules: &[Redact], members: &mut Map<String, Value>, depth: u8) -> bool {
        let mut changed = false;
        let secret = rules.iter().find(|rule| rule.sought == Sought::Pattern(Pattern::Secret));
        // What models tell of their tokens is no secret.
        let secret = secret.filter(|_| !members.contains_key("logprob"));
        for (name, member) in members.iter_mut() {
            let told = secret.filter(|_| telling::is_telling(name) && !is_nothing(member));
            changed |= match told {
                Some(rule) => {
                    let text = match &*member {
                        Value::String(text) => Cow::Borrowed(text.as_str()),
                        other => Cow::Owned(other.to_string()),
                    };
                    *member = self.whole(rule.action, &text).map_or(Value::Null, Value::from);
                    true
                }
                None => self.clean_tree(rules, member, depth),
            };
        }
        let names: Vec<Option<String>> = members.keys().map(|name| self.cleaned_to(rules, name, 0)).collect();
        if names.iter().all(Option::is_none) {
            return changed;
        }
        let former = std::mem::take(members);
        for ((name, member), cleaned) in former.into_iter().zip(names) {
            let mut name = cleaned.unwrap_or(name);
            // Two names may have become one, and neither value may push the other out.
            while members.contains_key(&name) {
                name.push('*');
            }
            members.insert(name, member);
        }
        true
    }
}

/// Says whether a value tells nothing, even of what its name promises.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => true,
        Value::String(text) => text.is_empty() || text == MASK,
        _ => false,
    }
}
