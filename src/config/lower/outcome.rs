//! Lowers the outcomes that an experiment declares, and what refers to them by name.

use std::time::Duration;

use indexmap::IndexMap;

use crate::config::diagnostic::Report;
use crate::config::diagnostic::did_you_mean;
use crate::config::field::At;
use crate::config::field::Entries;
use crate::config::field::Field;
use crate::config::lower::matcher::key_as;
use crate::config::scalar::Scalar;
use crate::config::schema;
use crate::policy::Absent;
use crate::policy::OutcomeKind;
use crate::policy::OutcomeRule;
use crate::vocab::OutcomeName;

const DEFAULT_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// The outcomes of one experiment.
pub(super) struct Outcomes {
    /// Every declared name, also of those that are wrong.
    declared: Vec<String>,
    pub(super) rules: IndexMap<OutcomeName, OutcomeRule>,
}

impl Outcomes {
    pub(super) fn new(raw: Field<Entries<schema::Outcome>>, report: &Report) -> Self {
        let mut outcomes = Self { declared: Vec::new(), rules: IndexMap::new() };
        let entries = raw.value().map_or_else(Vec::new, |entries| entries.0);
        for (key, raw) in entries {
            let name = key_as::<OutcomeName>(&key, report);
            outcomes.declared.push(key.value);
            let rule = raw.given().and_then(|raw| rule(raw, report));
            outcomes.rules.extend(name.zip(rule));
        }
        outcomes
    }

    /// Checks that a name refers to a declared outcome of one of these types, and reports it otherwise.
    pub(super) fn refer(
        &self,
        to: At<Scalar<OutcomeName>>,
        kinds: &[OutcomeKind],
        report: &Report,
    ) -> Option<OutcomeName> {
        let At { place, value: Scalar(name) } = to;
        if !self.declared.iter().any(|known| known == name.as_str()) {
            let hint = match self.declared.is_empty() {
                true => format!("; hint: declare it under `outcomes`, with `type: {}`", word(kinds[0])),
                false => did_you_mean(name.as_str(), self.declared.iter().map(String::as_str)),
            };
            report.add(&place, format!("unknown outcome `{name}`{hint}"));
            return None;
        }
        let rule = self.rules.get(&name)?;
        if !kinds.contains(&rule.kind) {
            let (found, expected) = (word(rule.kind), listed(kinds));
            report.add(&place, format!("the outcome `{name}` is of type {found}, expected type {expected}"));
            return None;
        }
        Some(name)
    }
}

fn rule(raw: At<schema::Outcome>, report: &Report) -> Option<OutcomeRule> {
    let At { place, value: schema::Outcome { kind, window, absent } } = raw;
    let kind = kind.required("type", &place, report)?;
    Some(OutcomeRule {
        kind: kind.value.0,
        window: window.scalar().map_or(DEFAULT_WINDOW, |window| window.0),
        absent: absent.or(Absent::Missing),
    })
}

fn word(kind: OutcomeKind) -> &'static str {
    match kind {
        OutcomeKind::Click => "click",
        OutcomeKind::Label => "label",
        OutcomeKind::Binary => "binary",
        OutcomeKind::Number => "number",
        OutcomeKind::Json => "json",
    }
}

/// The words of types, as in `label, binary or number`.
fn listed(kinds: &[OutcomeKind]) -> String {
    let words: Vec<&str> = kinds.iter().map(|kind| word(*kind)).collect();
    match words.split_last() {
        None => String::new(),
        Some((only, [])) => (*only).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}
