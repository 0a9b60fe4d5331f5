//! Lowers the judges of an experiment, and what refers to them by name.

use std::sync::Arc;

use crate::assign::Share;
use crate::config::diagnostic::Place;
use crate::config::diagnostic::Report;
use crate::config::diagnostic::did_you_mean;
use crate::config::field::At;
use crate::config::field::Entries;
use crate::config::field::Field;
use crate::config::lower::exactly_one;
use crate::config::lower::matcher::key_as;
use crate::config::lower::matcher::not_empty;
use crate::config::scalar::Literal;
use crate::config::scalar::Scalar;
use crate::config::schema;
use crate::judge::Rule;
use crate::judge::Settings;
use crate::judge::Way;
use crate::policy::JudgedBy;
use crate::vocab::ExperimentName;
use crate::vocab::JudgeName;

/// The judges of one experiment.
pub(super) struct Judges {
    /// Every declared name, also of those that are wrong.
    declared: Vec<String>,
    pub(super) list: Vec<Settings>,
}

impl Judges {
    /// `salt` is the experiment's.
    pub(super) fn new(
        raw: Field<Entries<schema::Judge>>,
        experiment: Option<&ExperimentName>,
        salt: &str,
        report: &Report,
    ) -> Self {
        let mut judges = Self { declared: Vec::new(), list: Vec::new() };
        for (key, raw) in raw.value().map_or_else(Vec::new, |entries| entries.0) {
            let name = key_as::<JudgeName>(&key, report);
            judges.declared.push(key.value);
            let said = raw.given().and_then(|raw| said(raw, report));
            if let (Some(experiment), Some(name), Some((way, at, sample))) = (experiment, name, said) {
                let (experiment, salt) = (experiment.clone(), format!("{salt}/judge/{name}"));
                judges.list.push(Settings { experiment, name, salt, sample, at, way });
            }
        }
        judges
    }

    /// Checks that a name refers to a declared judge, and reports it otherwise.
    pub(super) fn refer(&self, to: At<Scalar<JudgeName>>, report: &Report) -> Option<JudgedBy> {
        let At { place, value: Scalar(name) } = to;
        if !self.declared.iter().any(|known| known == name.as_str()) {
            let hint = match self.declared.is_empty() {
                true => "; hint: declare it under `judges`".to_owned(),
                false => did_you_mean(name.as_str(), self.declared.iter().map(String::as_str)),
            };
            report.add(&place, format!("unknown judge `{name}`{hint}"));
        }
        let judge = self.list.iter().find(|judge| judge.name == name)?;
        Some(JudgedBy { name, mode: judge.mode(), version: judge.version() })
    }
}

type Said = (Way, Option<crate::protocol::JsonPath>, Share);

fn said(raw: At<schema::Judge>, report: &Report) -> Option<Said> {
    let At { place, value: schema::Judge { rules, at, sample } } = raw;
    exactly_one(&[("rules", rules.is_there())], &place, report);
    let sample = sample.or(Share::ALL);
    let way = self::rules(rules, report)?;
    Some((way, at.scalar(), sample))
}

fn rules(raw: Field<Vec<Field<schema::Rule>>>, report: &Report) -> Option<Way> {
    let At { place, value } = raw.given()?;
    if value.is_empty() {
        report.add(&place, "expected at least one rule");
    }
    let rules = value.into_iter().filter_map(Field::given).filter_map(|raw| rule(raw, report)).collect();
    Some(Way::Rules(rules))
}

fn rule(raw: At<schema::Rule>, report: &Report) -> Option<Rule> {
    let At { place, value } = raw;
    let schema::Rule { json_schema, regex, contains, not_contains, length, language } = value;
    let keys = [
        ("json_schema", json_schema.is_there()),
        ("regex", regex.is_there()),
        ("contains", contains.is_there()),
        ("not_contains", not_contains.is_there()),
        ("length", length.is_there()),
        ("language", language.is_there()),
    ];
    exactly_one(&keys, &place, report);
    let text = |field: Field<Scalar<String>>| field.given().and_then(|text| not_empty(text, report));
    let contains = text(contains).map(Rule::Contains);
    let not_contains = text(not_contains).map(Rule::NotContains);
    let schema = json_schema.given().and_then(|raw| json_schema_of(raw, report));
    let length = length.given().and_then(|raw| length_of(raw, report));
    let rule = schema.or(contains).or(not_contains).or(length);
    rule.or(regex.scalar().map(Rule::Regex)).or(language.scalar().map(Rule::Language))
}

fn json_schema_of(raw: At<Literal>, report: &Report) -> Option<Rule> {
    let At { place, value: Literal(schema) } = raw;
    match jsonschema::validator_for(&schema) {
        Ok(validator) => Some(Rule::JsonSchema { schema, validator: Arc::new(validator) }),
        Err(error) => {
            let at = error.instance_path().to_string();
            let at = if at.is_empty() { String::new() } else { format!(" at `{at}`") };
            report.add(&place, format!("this is no JSON Schema: {error}{at}"));
            None
        }
    }
}

fn length_of(raw: At<schema::Length>, report: &Report) -> Option<Rule> {
    let At { place, value: schema::Length { min, max } } = raw;
    let is_there = min.is_there() || max.is_there();
    let min = usize::try_from(min.or(0)).unwrap_or(usize::MAX);
    if !is_there {
        report.add(&place, "expected `min`, `max` or both");
    }
    check_order(min, max, &place, report)
}

fn check_order(
    min: usize,
    max: Field<Scalar<std::num::NonZeroUsize>>,
    place: &Place,
    report: &Report,
) -> Option<Rule> {
    let at = max.place().unwrap_or(place).clone();
    let max = max.scalar().map_or(usize::MAX, usize::from);
    if min > max {
        report.add(&at, format!("`max` is {max}, expected at least `min`, which is {min}"));
        return None;
    }
    Some(Rule::Length { min, max })
}
