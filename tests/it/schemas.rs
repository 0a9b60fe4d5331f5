//! Every schema that records were ever written in is read.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crossfade::analysis::Analysis;
use crossfade::record;
use crossfade::record::Line;
use crossfade::record::SCHEMA;

fn sample(schema: u32) -> PathBuf {
    PathBuf::from(format!("{}/tests/vectors/records/schema-{schema}.jsonl", env!("CARGO_MANIFEST_DIR")))
}

/// How many lines of each kind a sample has.
fn kinds(schema: u32) -> BTreeMap<&'static str, u32> {
    let mut reader = record::read(&sample(schema)).unwrap();
    let mut kinds = BTreeMap::new();
    while let Some(line) = reader.next() {
        let line = line.unwrap_or_else(|error| panic!("{error}"));
        let head = format!(r#"{{"schema":{schema},"kind":"{}","#, line.kind().as_str());
        assert!(reader.line_bytes().starts_with(head.as_bytes()), "a sample is of its own schema: {head}");
        *kinds.entry(line.kind().as_str()).or_default() += 1;
    }
    assert_eq!(reader.torn(), 0);
    kinds
}

#[test]
fn lines_of_every_schema_are_read() {
    let expected: [&[(&str, u32)]; 3] = [
        &[("pair", 1)],
        &[("design", 4), ("gap", 2), ("outcome", 4), ("pair", 5)],
        &[("answered", 4), ("design", 2), ("gap", 1), ("outcome", 4), ("pair", 4)],
    ];
    assert_eq!(expected.len(), SCHEMA as usize, "there is a sample of each");
    for (schema, expected) in (1..).zip(expected) {
        assert_eq!(kinds(schema), expected.iter().copied().collect(), "schema {schema}");
    }
}

#[test]
fn figures_are_told_of_every_schema() {
    for schema in 1..=SCHEMA {
        let lines: Vec<Line> = record::read(&sample(schema)).unwrap().map(Result::unwrap).collect();
        let mut analysis = Analysis::new();
        lines.iter().for_each(|line| analysis.fold(line));
        let found: u64 = analysis.summaries().map(|summary| summary.requests).sum();
        let pairs = lines.iter().filter(|line| matches!(line, Line::Pair(_))).count();
        assert_eq!(found, pairs as u64, "schema {schema}");
    }
}
