//! A log that somebody damaged or changed: it is read as far as it can be, and nothing it says stops the figures.

use std::time::Duration;

use crossfade::analysis::Analysis;
use crossfade::analysis::ExperimentSummary;
use crossfade::record::Line;
use crossfade::vocab::Timestamp;
use serde_json::Value;
use serde_json::json;

const ID: &str = "0190163d-8694-739b-84d3-e6e9d7c9f1b2";
const NEW_YEAR: &str = "2026-01-01T00:00:00Z";

/// A shadowed request; `changes` replace its fields.
fn pair(changes: Value) -> Value {
    changed(
        json!({"schema": 2, "kind": "pair", "request_id": ID, "time": NEW_YEAR, "experiment": "e",
            "strategy": "shadow", "policy": "p", "identity": "i", "arms": ["old", "new"], "assigned": "old",
            "propensity": 1.0, "enrolled": true, "observations": [call("old"), call("new")],
            "request": {"method": "POST", "path": "/", "headers": {}, "bytes": 0}}),
        changes,
    )
}

/// A call with the largest numbers that a line can hold.
fn call(arm: &str) -> Value {
    json!({"arm": arm, "role": "answer", "fate": "complete", "status": 200, "skew_ms": 0.0, "total_ms": f64::MAX,
        "chunks": 1, "longest_gap_ms": 0.0, "headers": {}, "bytes": u64::MAX, "readings": {"$.label": {"value": 7}},
        "tokens": {"input_tokens": u64::MAX, "cached_input_tokens": u64::MAX, "output_tokens": u64::MAX}})
}

fn label(identity: &str) -> Value {
    json!({"schema": 2, "kind": "outcome", "request_id": ID, "time": NEW_YEAR, "request_time": NEW_YEAR,
        "experiment": "e", "identity": identity, "arm": "old", "enrolled": true, "outcome": "digit",
        "type": "label", "value": {"label": "7"}})
}

fn design() -> Value {
    json!({"schema": 2, "kind": "design", "time": NEW_YEAR, "experiment": "e", "policy": "p", "identity": "i",
        "strategy": "shadow", "arms": ["old", "new"], "unit_named": false,
        "outcomes": {"digit": {"type": "label", "window_seconds": 3600.0, "absent": "missing"}},
        "metrics": [{"name": "accuracy", "measure": {"kind": "accuracy"}, "prediction": {"answer": "$.label"},
            "truth": {"outcome": "digit"}}],
        "decision": {"alpha": 0.05, "guardrail_alpha": 0.01, "min_seconds": 0.0}})
}

fn gap() -> Value {
    json!({"schema": 2, "kind": "gap", "experiment": "e", "of": "pair", "lost": u64::MAX, "reason": "queue",
        "since": NEW_YEAR, "until": NEW_YEAR})
}

fn changed(mut line: Value, changes: Value) -> Value {
    let Value::Object(changes) = changes else { panic!("changes are fields") };
    line.as_object_mut().unwrap().extend(changes);
    line
}

fn folded(lines: &[Value]) -> ExperimentSummary {
    let mut analysis = Analysis::new();
    analysis.fold(&Line::parse(&design().to_string()).unwrap());
    for line in lines {
        analysis.fold(&Line::parse(&line.to_string()).unwrap());
    }
    analysis.summary("e").unwrap()
}

#[test]
fn numbers_that_no_call_reaches_stop_nothing() {
    let summary = folded(&[pair(json!({})), pair(json!({})), gap(), gap()]);
    let call = &summary.arms[0].calls[0];
    assert_eq!((summary.requests, call.requests, call.tokens.input_tokens), (2, 2, u64::MAX));
    assert_eq!(summary.lost[0].lost, u64::MAX);
}

#[test]
fn arms_that_came_without_a_change_of_identity_are_passed_over() {
    let grown =
        pair(json!({"arms": ["old", "new", "third"], "assigned": "third", "observations": [call("third")]}));
    let summary = folded(&[pair(json!({})), grown]);
    assert_eq!((summary.requests, summary.arms.len()), (2, 2));
}

#[test]
fn a_label_of_another_identity_leaves_the_pair_that_waits_for_its_own() {
    let lines = [pair(json!({})), label("other"), label("i")];
    let right =
        |lines: &[Value]| folded(lines).metrics[0].calls.iter().map(|call| call.examples).sum::<u64>();
    assert_eq!((right(&lines[..2]), right(&lines)), (0, 2));
}

#[test]
fn a_moment_that_cannot_be_written_is_the_nearest_that_can() {
    let cases = [
        (i64::MIN, "-009999-01-02T01:59:59.000000Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (i64::MAX, "9999-12-30T22:00:00.000000Z"),
    ];
    for (micros, written) in cases {
        let moment = Timestamp::from_micros(micros);
        assert_eq!(moment.to_string(), written);
        assert_eq!(written.parse::<Timestamp>().unwrap(), moment);
    }
    let (first, last) = (Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX));
    assert_eq!(last.since(first), Duration::from_secs(631_107_230_401));
}
