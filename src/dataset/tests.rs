use crate::dataset::Hidden;
use crate::dataset::hidden;
use crate::dataset::is_made;
use crate::dataset::key::query_key;
use crate::record::Line;
use crate::record::PairedRecord;

fn pair(request: &str) -> PairedRecord {
    let line = format!(
        r#"{{"schema":2,"kind":"pair","request_id":"01a20aa0-17c9-73ba-8617-7cea60c5afa1","time":"2026-01-01T00:00:00Z",
        "experiment":"e","strategy":"shadow","policy":"p","identity":"i","arms":["a","b"],
        "unit":"0123456789abcdef0123456789abcdef","assigned":"a","propensity":1.0,"enrolled":true,
        "request":{{"method":"POST","path":"/x","headers":{{}},"bytes":1,{request}}},"observations":[]}}"#
    );
    match Line::parse(&line).unwrap() {
        Line::Pair(pair) => *pair,
        other => panic!("{other:?}"),
    }
}

#[test]
fn queries_are_the_same_when_members_stand_in_another_order_and_nothing_else_differs() {
    let key = |request: &str| query_key(&pair(request));
    let asked = key(r#""body":{"a":1,"b":[1,{"c":"x","d":null}]}"#);
    assert_eq!(asked, key(r#""body":{"b": [1, {"d": null, "c": "x"}], "a": 1}"#));
    let others = [
        r#""body":{"a":1,"b":[{"c":"x","d":null},1]}"#,
        r#""body":{"a":"1","b":[1,{"c":"x","d":null}]}"#,
        r#""query":"q=1","body":{"a":1,"b":[1,{"c":"x","d":null}]}"#,
        r#""body":{"text":"{\"a\":1}"}"#,
        r#""body":{"withheld":"not_json"}"#,
    ];
    for other in others {
        assert_ne!(asked, key(other), "{other}");
    }
}

#[test]
fn a_request_that_is_not_on_record_as_it_was_says_why() {
    let cases = [
        (r#""body":{"a":1}"#, None),
        (r#""body":{"text":"**** a"}"#, None),
        (r#""truncated":true,"body":{"text":"a"}"#, Some(Hidden::Cut)),
        (r#""body":{"withheld":"not_json"}"#, Some(Hidden::Withheld)),
        (r#""redacted":true,"body":{"a":1}"#, Some(Hidden::Redacted)),
        (r#""body":{"a":"***"}"#, Some(Hidden::Masked)),
        (r#""query":"key=***""#, Some(Hidden::Masked)),
        (r#""body":{"user":"0123456789abcdef0123456789abcdef"}"#, Some(Hidden::Unit)),
    ];
    for (request, why) in cases {
        let mut record = pair(request);
        assert_eq!(hidden(&record), why.or(Some(Hidden::Unmarked)), "{request}, of an early schema");
        record.request.unmarked = false;
        assert_eq!(hidden(&record), why, "{request}");
    }
}

#[test]
fn values_that_redaction_makes_are_known_by_their_looks() {
    let made = ["***", "0123456789abcdef", "0123456789abcdef0123456789abcdef"];
    assert!(made.into_iter().all(is_made));
    assert!(!["application/json", "0123456789ABCDEF", "ada", ""].into_iter().any(is_made));
}
