//! Lowers what selects requests and users: the matcher and the sources of the unit.

use http::HeaderName;

use crate::config::diagnostic::Report;
use crate::config::field::At;
use crate::config::field::Entries;
use crate::config::field::Field;
use crate::config::lower::exactly_one;
use crate::config::scalar::SampleBy;
use crate::config::scalar::Scalar;
use crate::config::scalar::Written;
use crate::config::schema;
use crate::policy::Matcher;
use crate::policy::UnitSource;
use crate::protocol::JsonPath;

pub(super) fn matcher(raw: Field<schema::Match>, report: &Report) -> Matcher {
    let schema::Match { path, method, host, headers, query, json } = raw.value().unwrap_or_default();
    let json = json
        .entries()
        .filter_map(|(key, literal)| Some((key_as::<JsonPath>(&key, report)?, literal.value.0)))
        .collect();
    Matcher {
        path: path.scalar(),
        methods: method.each().map(|method| method.value.0).collect(),
        hosts: host.each().map(|host| host.value.0.0).collect(),
        headers: header_values(headers, report),
        query: query.entries().map(|(key, value)| (key.value, value.value.0)).collect(),
        json,
    }
}

fn header_values(raw: Field<Entries<Scalar<String>>>, report: &Report) -> Vec<(HeaderName, String)> {
    raw.entries()
        .filter_map(|(key, value)| Some((key_as::<HeaderName>(&key, report)?, value.value.0)))
        .collect()
}

/// Reads a key that the operator chose.
pub(super) fn key_as<T: Written>(key: &At<String>, report: &Report) -> Option<T> {
    T::read(&key.value).map_err(|problem| report.add(&key.place, problem)).ok()
}

pub(super) fn unit(raw: Field<Vec<Field<schema::UnitSource>>>, report: &Report) -> Vec<UnitSource> {
    raw.items().filter_map(|source| unit_source(source, report)).collect()
}

/// Whether draws are by the unit, which must be there then.
pub(super) fn whole_units(raw: Field<Scalar<SampleBy>>, has_unit: bool, report: &Report) -> bool {
    let Field::Given(At { place, value: Scalar(SampleBy::Unit) }) = raw else { return false };
    if !has_unit {
        let hint = "add `unit` to the experiment, such as the conversation's id";
        report.add(&place, format!("there is no unit to sample by; hint: {hint}"));
    }
    true
}

fn unit_source(source: At<schema::UnitSource>, report: &Report) -> Option<UnitSource> {
    let At { place, value: schema::UnitSource { header, cookie, query, json } } = source;
    let keys = [
        ("header", header.is_there()),
        ("cookie", cookie.is_there()),
        ("query", query.is_there()),
        ("json", json.is_there()),
    ];
    exactly_one(&keys, &place, report);
    let named = |field: Field<Scalar<String>>| field.given().and_then(|name| not_empty(name, report));
    header
        .scalar()
        .map(UnitSource::Header)
        .or_else(|| named(cookie).map(UnitSource::Cookie))
        .or_else(|| named(query).map(UnitSource::Query))
        .or_else(|| json.scalar().map(UnitSource::Json))
}

/// Reports an empty text.
pub(super) fn not_empty(text: At<Scalar<String>>, report: &Report) -> Option<String> {
    let At { place, value: Scalar(text) } = text;
    if text.is_empty() {
        report.add(&place, "expected a text, found an empty one");
        return None;
    }
    Some(text)
}

/// The unit's sources as text that changes when they do.
pub(super) fn unit_identity(sources: &[UnitSource]) -> String {
    let text = |source: &UnitSource| match source {
        UnitSource::Header(name) => format!("header:{name}"),
        UnitSource::Cookie(name) => format!("cookie:{name}"),
        UnitSource::Query(name) => format!("query:{name}"),
        UnitSource::Json(path) => format!("json:{path}"),
    };
    sources.iter().map(text).collect::<Vec<_>>().join(",")
}
