use serde_json::Value;
use serde_json::json;

use crate::record::Line;
use crate::report::ExperimentReport;
use crate::report::Partial;
use crate::report::Slice;
use crate::report::SliceField;
use crate::report::Wanted;
use crate::vocab::Timestamp;

/// 2026-01-01T00:00:00Z.
const NEW_YEAR: i64 = 1_767_225_600_000_000;

/// A pair whose answers differ in so many of five fields, a second after the one before.
fn pair(number: u32, identity: &str, differing: u32, body: &Value) -> Line {
    let time = Timestamp::from_micros(NEW_YEAR + i64::from(number) * 1_000_000);
    let call = |arm: &str, role: &str| {
        json!({"arm": arm, "role": role, "fate": "complete", "status": 200, "skew_ms": 0.1, "total_ms": 5.0, "chunks": 1,
            "longest_gap_ms": 0.0, "headers": {}, "bytes": 2, "body": body})
    };
    let agreement = |field: u32| if field < differing { "differ" } else { "agree" };
    let fields: serde_json::Map<String, Value> =
        (0..5).map(|field| (format!("f{field}"), json!(agreement(field)))).collect();
    let line = json!({"schema": 2, "kind": "pair", "request_id": format!("019b7000-0000-7000-8000-{number:012x}"),
        "time": time.to_string(), "experiment": "e", "strategy": "shadow", "policy": identity, "identity": identity,
        "arms": ["old", "new"], "assigned": "old", "served": "old", "propensity": 1.0, "enrolled": true,
        "request": {"method": "GET", "path": format!("/{}", number % 3), "headers": {}, "bytes": 0},
        "observations": [call("old", "answer"), call("new", "shadow")],
        "comparison": [{"arm": "new", "role": "shadow", "fields": fields}]});
    Line::parse(&line.to_string()).unwrap()
}

fn reported(lines: &[Line], wanted: &Wanted) -> ExperimentReport {
    let mut pass = Partial::of(wanted);
    lines.iter().for_each(|line| pass.fold(line));
    pass.report().unwrap().experiments.remove(0)
}

fn ids(found: &ExperimentReport) -> Vec<String> {
    found.worst.iter().map(|pair| pair.request_id.to_string()).collect()
}

#[test]
fn the_worst_pairs_are_those_that_differ_most_in_any_order_of_the_log() {
    let mut lines: Vec<Line> = (0..300).map(|number| pair(number, "a", number % 5, &json!({}))).collect();
    let found = reported(&lines, &Wanted::default());
    assert_eq!(found.worst.len(), 20);
    assert!(
        found.worst.iter().all(|pair| pair.fields == ["f0", "f1", "f2", "f3"]),
        "60 pairs differ in four fields"
    );
    lines.reverse();
    assert_eq!(ids(&reported(&lines, &Wanted::default())), ids(&found));
}

#[test]
fn a_changed_identity_begins_slices_and_worst_pairs_anew() {
    let before = (0..30).map(|number| pair(3 * number, "a", 5, &json!({})));
    let after = (100..110).map(|number| pair(3 * number + 1, "b", 1, &json!({})));
    let straggler = pair(91, "a", 5, &json!({}));
    let lines: Vec<Line> = before.chain(after).chain([straggler]).collect();
    let wanted = Wanted { slices: vec![SliceField::Path], ..Wanted::default() };
    let found = reported(&lines, &wanted);
    assert_eq!((found.summary.requests, found.worst.len()), (10, 10));
    let slices: Vec<(&Slice, u64)> =
        found.slices[0].slices.iter().map(|slice| (&slice.slice, slice.summary.requests)).collect();
    assert_eq!(slices, [(&Slice::Value("/1".to_owned()), 10)], "nothing came to /0 since");
}

#[test]
fn a_body_is_cut_between_characters() {
    for shift in 0..3 {
        let text = format!("{}{}", "-".repeat(shift), "€".repeat(2_000));
        let found = reported(&[pair(0, "a", 1, &json!({"text": text}))], &Wanted::default());
        let body = found.worst[0].legacy.body.as_ref().unwrap();
        assert!(body.cut && body.text.len() > 4_090 && body.text.len() <= 4_096, "{}", body.text.len());
        assert!(text.starts_with(&body.text));
    }
}

#[test]
fn a_field_of_requests_is_read_as_it_is_written() {
    for field in ["method", "path", "query:a b", "header:x-user", "json:$.user['name']", "stage", "hour"] {
        assert_eq!(field.parse::<SliceField>().unwrap().to_string(), field);
    }
    for wrong in ["", "colour", "query:", "header:", "header:a b", "json:$[", "json:", "Method", "stage:1"] {
        assert!(wrong.parse::<SliceField>().is_err(), "{wrong}");
    }
}
